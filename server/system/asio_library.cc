// Asio's own code, compiled once.
#include "server/system/asio.h"

#include <boost/asio/impl/src.hpp>
