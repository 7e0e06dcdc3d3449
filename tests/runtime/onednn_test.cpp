#include "keel/runtime/onednn.hpp"

#include <algorithm>
#include <array>
#include <boost/test/unit_test.hpp>
#include <thread>
#include <vector>

#include "../support/graph_support.hpp"
#include "keel/runtime/error.hpp"

namespace {

namespace onednn = keel::onednn;
using keel::Kernel;
using keel::Shape;
using keel::Slot;
using keel::Tensor;
using keel::testing::text_of;
using keel::testing::values_of;

// dst = src * weights + accumulate * dst of 2x2 matrices, with memory for all that it needs.
struct Product {
  explicit Product(std::optional<float> accumulate = {}) {
    const auto matrix = onednn::matrix(2, 2);
    auto call = onednn::matmul(matrix, matrix, {}, matrix, accumulate);
    call.argument(DNNL_ARG_SRC, matrix, src_slot);
    call.argument(DNNL_ARG_WEIGHTS, matrix, weights_slot);
    call.argument(DNNL_ARG_DST, matrix, dst_slot);
    scratch.resize(call.scratch_bytes());
    scratch_slot.point_to(scratch.data());
    kernel = std::move(call).kernel(&scratch_slot);
    src_slot.point_to(src.bytes());
    weights_slot.point_to(weights.bytes());
    dst_slot.point_to(dst.bytes());
  }

  Tensor src = Tensor::of<float>({2, 2}, {1, 2, 3, 4});
  Tensor weights = Tensor::of<float>({2, 2}, {1, -1, 0, 1});
  Tensor dst = Tensor::of<float>({2, 2}, {10, 20, 30, 40});
  Slot src_slot, weights_slot, dst_slot, scratch_slot;
  std::vector<std::byte> scratch;
  Kernel kernel;
};

}  // namespace

BOOST_AUTO_TEST_SUITE(onednn_test)

BOOST_AUTO_TEST_CASE(the_library_says_what_it_is) {
  BOOST_TEST(std::ranges::count(onednn::version(), '.') == 2);
  BOOST_TEST(!onednn::instruction_set().empty());
}

BOOST_AUTO_TEST_CASE(descriptions_have_the_bytes_of_the_array) {
  BOOST_TEST(onednn::dense(Shape{3, 5}).get_size() == 60U);
  BOOST_TEST(onednn::dense(Shape{}).get_size() == 4U);
  BOOST_TEST(onednn::dense(Shape{3, 5}, keel::DType::u8).get_size() == 15U);
  BOOST_TEST(onednn::matrix(3, 5, true).get_size() == 60U);
  BOOST_TEST(onednn::batch_of_features(7, 3).get_size() == 84U);
}

BOOST_AUTO_TEST_CASE(there_are_no_double_precision_kernels) {
  BOOST_TEST(text_of<keel::Error>([] { (void)onednn::dense(Shape{1}, keel::DType::f64); }) ==
             "oneDNN has no f64 kernels; bind the reference instead");
}

BOOST_AUTO_TEST_CASE(a_kernel_overwrites_its_destination) {
  Product product;
  product.kernel.run();
  product.kernel.run();
  BOOST_TEST(values_of(product.dst) == (std::vector<double>{1, 1, 3, 1}), boost::test_tools::per_element());
  BOOST_TEST(!product.kernel.implementation.empty());
}

BOOST_AUTO_TEST_CASE(a_product_can_be_added_to_what_was_there) {
  Product sum{2.0F};
  sum.kernel.run();
  BOOST_TEST(values_of(sum.dst) == (std::vector<double>{21, 41, 63, 81}), boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(a_kernel_follows_its_slots) {
  Product product;
  product.kernel.run();
  const auto identity = Tensor::of<float>({2, 2}, {1, 0, 0, 1});
  const Tensor elsewhere{Shape{2, 2}};
  product.src_slot.point_to(identity.bytes());
  product.dst_slot.point_to(elsewhere.bytes());
  product.kernel.run();
  BOOST_TEST(values_of(elsewhere) == values_of(product.weights), boost::test_tools::per_element());
  BOOST_TEST(values_of(product.dst) == (std::vector<double>{1, 1, 3, 1}), boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(a_kernel_may_run_on_another_thread_than_the_one_that_made_it) {
  Product product;
  std::thread{[&] { product.kernel.run(); }}.join();
  BOOST_TEST(values_of(product.dst) == (std::vector<double>{1, 1, 3, 1}), boost::test_tools::per_element());
}

BOOST_AUTO_TEST_SUITE_END()
