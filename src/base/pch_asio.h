// Precompiled for the rooms that run on loops.
#include "base/pch.h"

#include <boost/asio.hpp>
