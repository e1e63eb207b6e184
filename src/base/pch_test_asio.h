// Precompiled for the tests of the rooms that run on loops.
#include "base/pch_asio.h"
#include "base/pch_test.h"
