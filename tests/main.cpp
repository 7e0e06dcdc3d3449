// The entry point of every test program; each folder's tests are one program.

#include <boost/test/unit_test.hpp>

int main(int argc, char** argv) {
  const auto name_suite = [] {
    boost::unit_test::framework::master_test_suite().p_name.value = "keel";
    return true;
  };
  return boost::unit_test::unit_test_main(name_suite, argc, argv);
}
