// Asio's TLS is compiled here, once (BOOST_ASIO_SEPARATE_COMPILATION). Only our clients use it: the
// server drives OpenSSL itself.
#include <boost/asio/ssl/impl/src.hpp>
