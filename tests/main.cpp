// The entry point of every test program; each folder's tests are one program.
#define BOOST_TEST_MODULE keel
#include <boost/test/unit_test.hpp>
