// Asio's own code, compiled once.
#include "server/asio.h"

#include <boost/asio/impl/src.hpp>
