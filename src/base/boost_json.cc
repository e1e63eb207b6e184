// Boost.JSON is compiled here, once, instead of being linked from a package of its own.
#include <boost/json/src.hpp>
