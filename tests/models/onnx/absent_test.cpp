// Built without onnx.proto, keel says what is missing.

#include <boost/test/unit_test.hpp>
#include <string>

#include "keel/models/initialize.hpp"
#include "keel/models/linear.hpp"
#include "keel/models/onnx.hpp"

BOOST_AUTO_TEST_SUITE(onnx_absent_test)

BOOST_AUTO_TEST_CASE(what_is_missing_is_said) {
  const auto says = [](const keel::Error& error) {
    return std::string{error.what()}.find(
               "install the packages libonnx-dev, libprotobuf-dev and protobuf-compiler") !=
           std::string::npos;
  };
  keel::Linear model{3, 2};
  keel::initialize(model, keel::Rng{1});
  BOOST_CHECK_EXCEPTION(keel::export_onnx(model, keel::Shape{3}, "m.onnx"), keel::Error, says);
  BOOST_CHECK_EXCEPTION(keel::load_onnx("m.onnx"), keel::Error, says);
}

BOOST_AUTO_TEST_SUITE_END()
