#include "keel/runtime/tensor.hpp"

#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <cstdint>
#include <limits>
#include <memory>
#include <vector>

#include "../support/graph_support.hpp"
#include "keel/runtime/error.hpp"

namespace {

using keel::Buffer;
using keel::DType;
using keel::Error;
using keel::Shape;
using keel::ShapeError;
using keel::Tensor;
using keel::testing::text_of;
using keel::testing::values_of;

}  // namespace

BOOST_AUTO_TEST_SUITE(tensor_test)

BOOST_AUTO_TEST_CASE(a_new_tensor_is_zero_and_aligned) {
  for (const std::int64_t count : {1, 15, 16, 17, 1000}) {
    const Tensor tensor{Shape{count}};
    BOOST_TEST(std::ranges::all_of(tensor.data<float>(), [](float element) { return element == 0.0F; }));
    BOOST_TEST(reinterpret_cast<std::uintptr_t>(tensor.bytes()) % keel::alignment == 0);
    BOOST_TEST(tensor.data<float>().size() == static_cast<std::size_t>(count));
  }
}

BOOST_AUTO_TEST_CASE(elements_are_given_row_by_row) {
  const auto tensor = Tensor::of<double>({2, 3}, {1, 2, 3, 4, 5, 6});
  BOOST_TEST((tensor.shape() == Shape{2, 3}));
  BOOST_TEST((tensor.dtype() == DType::f64));
  BOOST_TEST(values_of(tensor) == (std::vector<double>{1, 2, 3, 4, 5, 6}), boost::test_tools::per_element());
  BOOST_TEST(Tensor::of<std::int32_t>({2}, {7, -8}).data<std::int32_t>()[1] == -8);
  BOOST_TEST(Tensor::of<std::uint8_t>({}, {255}).data<std::uint8_t>()[0] == 255);
}

BOOST_AUTO_TEST_CASE(the_elements_given_must_fill_the_shape) {
  BOOST_TEST(text_of<ShapeError>([] {
               Tensor::of<float>({2, 3}, {1, 2, 3, 4, 5});
             }) == "a tensor f32 (2, 3) takes 6 elements, not 5");
  BOOST_CHECK_THROW(Tensor::of<float>({2}, {1, 2, 3}), ShapeError);
  BOOST_CHECK_THROW(Tensor::of<float>({}, std::initializer_list<float>{}), ShapeError);
}

BOOST_AUTO_TEST_CASE(copies_share_elements_and_clones_do_not) {
  const auto original = Tensor::of<float>({2}, {1, 2});
  const Tensor view = original;
  const Tensor clone = original.clone();
  original.data<float>()[0] = 5;
  BOOST_TEST(view.data<float>()[0] == 5.0F);
  BOOST_TEST(clone.data<float>()[0] == 1.0F);
  BOOST_TEST(clone.data<float>()[1] == 2.0F);
  BOOST_TEST((clone.type() == original.type()));
}

BOOST_AUTO_TEST_CASE(views_of_one_buffer_share_it_and_keep_it_alive) {
  auto buffer = std::make_shared<Buffer>(std::size_t{64});
  const Tensor whole{buffer, 0, {Shape{16}, DType::f32}};
  const Tensor tail{buffer, 48, {Shape{4}, DType::f32}};
  buffer.reset();
  tail.data<float>()[3] = 9;
  BOOST_TEST(whole.data<float>()[15] == 9.0F);
  tail.clone().data<float>()[3] = 1;
  BOOST_TEST(whole.data<float>()[15] == 9.0F);
}

BOOST_AUTO_TEST_CASE(a_view_must_lie_within_its_buffer) {
  const auto buffer = std::make_shared<Buffer>(std::size_t{64});
  BOOST_CHECK_NO_THROW((Tensor{buffer, 60, {Shape{1}, DType::f32}}));
  BOOST_TEST(text_of<ShapeError>([&] {
               Tensor(buffer, 8, {Shape{8}, DType::f64});
             }) == "a tensor f64 (8) at byte 8 does not fit into a buffer of 64 bytes");
  BOOST_CHECK_THROW((Tensor{buffer, 64, {Shape{}, DType::u8}}), ShapeError);
  BOOST_CHECK_THROW((Tensor{buffer, 128, {Shape{0}, DType::u8}}), ShapeError);
  BOOST_CHECK_THROW((Tensor{buffer, std::numeric_limits<std::size_t>::max(), {Shape{1}, DType::f32}}),
                    ShapeError);
}

BOOST_AUTO_TEST_CASE(elements_are_only_had_as_what_they_are) {
  const Tensor tensor{Shape{2}, DType::f32};
  BOOST_TEST(text_of<ShapeError>([&] { (void)tensor.data<double>(); }) ==
             "the elements of a tensor of f32 were asked for as f64");
  BOOST_CHECK_THROW((void)tensor.data<std::int32_t>(), ShapeError);
  BOOST_TEST(text_of<keel::NoValuesError>([] { (void)Tensor{}.data<float>(); }) ==
             "a tensor whose elements were asked for as f32 has no values: it was moved from, or never given "
             "any; use "
             "the tensor that it was moved into, or make one of the shape wanted");
}

BOOST_AUTO_TEST_CASE(a_tensor_without_elements_has_an_empty_span) {
  const Tensor empty{Shape{0, 3}};
  BOOST_TEST(empty.defined());
  BOOST_TEST(empty.data<float>().empty());
  BOOST_TEST(empty.clone().data<float>().empty());
}

BOOST_AUTO_TEST_CASE(a_tensor_that_was_moved_from_is_undefined) {
  auto source = Tensor::of<float>({2}, {1, 2});
  {
    const Tensor taken = std::move(source);
    BOOST_TEST(taken.data<float>()[1] == 2.0F);
  }
  // NOLINTBEGIN(bugprone-use-after-move)
  BOOST_TEST(!source.defined());
  BOOST_TEST(source.bytes() == nullptr);
  BOOST_TEST((source.type() == keel::ValueType{}));
  BOOST_CHECK_THROW((void)source.data<float>(), Error);
  BOOST_TEST(!source.clone().defined());

  auto assigned = Tensor::of<float>({1}, {3});
  source = std::move(assigned);
  BOOST_TEST(source.data<float>()[0] == 3.0F);
  BOOST_CHECK_THROW((void)assigned.data<float>(), Error);
  // NOLINTEND(bugprone-use-after-move)
}

BOOST_AUTO_TEST_CASE(a_tensor_or_buffer_that_is_given_itself_keeps_what_it_has) {
  auto tensor = Tensor::of<float>({2}, {1, 2});
  auto& same = tensor;
  tensor = std::move(same);
  BOOST_TEST(tensor.data<float>()[1] == 2.0F);
  Buffer buffer{64};
  auto& same_buffer = buffer;
  buffer = std::move(same_buffer);
  BOOST_TEST(buffer.size() == 64U);
  BOOST_TEST((buffer.data()[63] == std::byte{0}));
}

BOOST_AUTO_TEST_CASE(a_buffer_that_was_moved_from_is_empty) {
  auto buffer = std::make_shared<Buffer>(64);
  const Buffer taken{std::move(*buffer)};
  BOOST_TEST(taken.size() == 64U);
  BOOST_TEST(buffer->size() == 0U);
  BOOST_TEST(buffer->data() == nullptr);
  BOOST_CHECK_THROW((Tensor{buffer, 0, {Shape{0}, DType::f32}}), Error);
  BOOST_CHECK_THROW((Tensor{nullptr, 0, {Shape{1}, DType::f32}}), Error);
}

BOOST_AUTO_TEST_CASE(sizes_round_up_to_the_alignment) {
  BOOST_TEST(keel::aligned(0) == 0U);
  BOOST_TEST(keel::aligned(1) == 64U);
  BOOST_TEST(keel::aligned(64) == 64U);
  BOOST_TEST(keel::aligned(65) == 128U);
}

BOOST_AUTO_TEST_CASE(buffers_are_zeroed_aligned_and_start_where_asked_within_a_page) {
  for (const std::size_t bytes : {0U, 1U, 4096U, 262143U, 262144U, 5'000'001U}) {
    for (const auto offset : {keel::PageOffset::none, keel::PageOffset::quarter, keel::PageOffset::half,
                              keel::PageOffset::three_quarters}) {
      const Buffer buffer{bytes, offset};
      BOOST_TEST(buffer.size() == bytes);
      BOOST_TEST(reinterpret_cast<std::uintptr_t>(buffer.data()) % 4096 == static_cast<std::size_t>(offset));
      const std::span elements{buffer.data(), bytes};
      BOOST_TEST(std::ranges::all_of(elements, [](std::byte byte) { return byte == std::byte{0}; }));
      std::ranges::fill(elements, std::byte{1});  // all of it is there
    }
  }
}

BOOST_AUTO_TEST_CASE(a_buffer_can_be_moved) {
  Buffer buffer{std::size_t{1} << 20U};
  buffer.data()[5] = std::byte{7};
  Buffer other{64};
  other = std::move(buffer);
  BOOST_TEST((other.data()[5] == std::byte{7}));
  BOOST_TEST(other.size() == std::size_t{1} << 20U);
}

BOOST_AUTO_TEST_CASE(memory_that_is_not_to_be_had_is_an_error) {
  BOOST_CHECK_THROW((Tensor{Shape{std::int64_t{1} << 48}, DType::f64}), Error);
}

BOOST_AUTO_TEST_CASE(a_size_that_rounds_up_beyond_memory_is_an_error) {
  BOOST_CHECK_THROW(Buffer{std::numeric_limits<std::size_t>::max()}, Error);
}

BOOST_AUTO_TEST_CASE(an_undefined_tensor_is_cloned_to_one) {
  BOOST_TEST(!Tensor{}.defined());
  BOOST_TEST(!Tensor{}.clone().defined());
}

BOOST_AUTO_TEST_SUITE_END()
