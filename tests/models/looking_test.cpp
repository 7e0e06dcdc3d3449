// What one sees of tensors and Vars: their text, single elements, whether two are the same.

#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <limits>
#include <numeric>
#include <sstream>
#include <string>

#include "../support/ops_support.hpp"
#include "keel/keel.hpp"

namespace {

using namespace keel;
using test::throws_with;

Tensor counting(Shape shape) {
  Tensor tensor{shape};
  std::iota(tensor.data<float>().begin(), tensor.data<float>().end(), 0.0F);
  return tensor;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(looking_test)

BOOST_AUTO_TEST_CASE(small_tensors_are_printed_whole) {
  BOOST_TEST(to_string(Tensor::rows<float>({{1, 2.5F, 3}, {-4, 0, 1e9F}})) ==
             "f32 (2, 3)\n"
             "[[    1   2.5     3]\n"
             " [   -4     0 1e+09]]");
  BOOST_TEST(to_string(Tensor::of<std::int32_t>({4}, {1, -20, 3, 2'000'000'000})) ==
             "s32 (4)\n[         1        -20          3 2000000000]");
  BOOST_TEST(to_string(Tensor::of<double>({}, {0.1})) == "f64 ()\n0.1");
  BOOST_TEST(to_string(Tensor::of<std::uint8_t>({2}, {1, 255})) == "u8 (2)\n[  1 255]");
  BOOST_TEST(to_string(counting({2, 2, 2})) ==
             "f32 (2, 2, 2)\n"
             "[[[0 1]\n"
             "  [2 3]]\n"
             "\n"
             " [[4 5]\n"
             "  [6 7]]]");
  BOOST_TEST(to_string(Tensor{{0, 3}}) == "f32 (0, 3)\n[]");
  BOOST_TEST(to_string(Tensor{}) == "undefined tensor");
  std::ostringstream stream;
  stream << Tensor::of<float>({1}, {std::numeric_limits<float>::quiet_NaN()});
  BOOST_TEST(stream.str() == "f32 (1)\n[nan]");
}

BOOST_AUTO_TEST_CASE(of_large_tensors_the_ends_are_printed) {
  BOOST_TEST(to_string(counting({1001})) == "f32 (1001)\n[   0    1    2 ...  998  999 1000]");
  BOOST_TEST(to_string(counting({200, 6})) ==
             "f32 (200, 6)\n"
             "[[   0    1    2    3    4    5]\n"
             " [   6    7    8    9   10   11]\n"
             " [  12   13   14   15   16   17]\n"
             " ...\n"
             " [1182 1183 1184 1185 1186 1187]\n"
             " [1188 1189 1190 1191 1192 1193]\n"
             " [1194 1195 1196 1197 1198 1199]]");
  const auto text = to_string(counting({1000}));  // all of them, in lines
  BOOST_TEST(std::ranges::count(text, '\n') > 40);
  std::istringstream lines{text};
  for (std::string line; std::getline(lines, line);) BOOST_TEST(line.size() <= 80U, line);
}

BOOST_AUTO_TEST_CASE(vars_say_what_they_are) {
  Tape tape;
  const Var src = tape.input({2, 3}, DType::f32, "images");
  const Var weights = tape.stored(Tensor::rows<float>({{1, 2, 3}}), "weights");
  BOOST_TEST(to_string(src) == "f32 (2, 3), value 0: input 'images'");
  BOOST_TEST(to_string(weights) == "f32 (1, 3), value 1: stored 'weights'\n[[1 2 3]]");
  const Var sum = src + weights;
  const auto line = std::to_string(__LINE__ - 1);
  std::ostringstream stream;
  stream << sum;
  BOOST_TEST(stream.str() == "f32 (2, 3), value 2: add at looking_test.cpp:" + line);
  BOOST_TEST(to_string(Var{}) == "undefined Var");
}

BOOST_AUTO_TEST_CASE(elements_are_found_by_their_place) {
  const Tensor tensor = counting({2, 3, 4});
  BOOST_TEST(tensor.at<float>(1, 2, 3) == 23.0F);
  BOOST_TEST(tensor.at<float>(1, 0, 2) == 14.0F);
  tensor.at<float>(0, 1, 0) = 7.0F;
  BOOST_TEST(tensor.data<float>()[4] == 7.0F);
  BOOST_TEST(Tensor::of<double>({}, {2.5}).at<double>() == 2.5);
  BOOST_TEST(throws_with<ShapeError>([&] { (void)tensor.at<float>(1, 3, 0); },
                                     {"f32 (2, 3, 4) has no element at (1, 3, 0)"}));
  BOOST_TEST(throws_with<ShapeError>([&] { (void)tensor.at<float>(-1, 0, 0); }, {"at (-1, 0, 0)"}));
  BOOST_TEST(throws_with<ShapeError>([&] { (void)tensor.at<float>(1, 2); }, {"at (1, 2)"}));
  BOOST_TEST(
      throws_with<ShapeError>([&] { (void)tensor.at<double>(0, 0, 0); }, {"f32 were asked for as f64"}));
  BOOST_TEST(throws_with<NoValuesError>([] { (void)Tensor{}.at<float>(); }, {"has no values"}));

  BOOST_TEST(Tensor::of<std::int32_t>({1, 1}, {-3}).item() == -3.0);
  BOOST_TEST(throws_with<ShapeError>([&] { (void)tensor.item(); }, {"f32 (2, 3, 4) has 24 elements"}));
  BOOST_TEST(throws_with<NoValuesError>([] { (void)Tensor{}.item(); }, {"has no values"}));
}

BOOST_AUTO_TEST_CASE(rows_make_a_matrix) {
  const Tensor matrix = Tensor::rows<double>({{1, 2}, {3, 4}, {5, 6}});
  BOOST_TEST((matrix.type() == ValueType{{3, 2}, DType::f64}));
  BOOST_TEST(matrix.at<double>(2, 0) == 5.0);
  BOOST_TEST((Tensor::rows<float>({{1}, {2}}).shape() == Shape{2, 1}));
  BOOST_TEST(throws_with<ShapeError>(
      [] {
        (void)Tensor::rows<float>({{1, 2}, {3}});
      },
      {"of 2 elements and of 1: they must be of one length"}));
}

BOOST_AUTO_TEST_CASE(tensors_are_compared_by_type_and_elements) {
  const Tensor tensor = counting({2, 3});
  BOOST_TEST(tensor == tensor.clone());
  BOOST_TEST(tensor != counting({3, 2}));
  BOOST_TEST(tensor != test::converted(tensor, DType::f64));
  Tensor other = tensor.clone();
  other.at<float>(1, 2) += 1e-6F;
  BOOST_TEST(tensor != other);
  BOOST_TEST(all_close(tensor, other));
  BOOST_TEST(!all_close(tensor, other, {.relative = 0, .absolute = 0}));
  BOOST_TEST(all_close(tensor, test::converted(other, DType::f64)));
  BOOST_TEST(!all_close(tensor, counting({3, 2})));
  BOOST_TEST((Tensor{} == Tensor{}));
  BOOST_TEST((Tensor{} != tensor));
  constexpr float infinity = std::numeric_limits<float>::infinity();
  const Tensor extremes = Tensor::of<float>({2}, {infinity, -infinity});
  BOOST_TEST(extremes == extremes.clone());
  BOOST_TEST(all_close(extremes, extremes));
  BOOST_TEST(!all_close(extremes, Tensor::of<float>({2}, {infinity, infinity})));
  BOOST_TEST(!all_close(Tensor::of<float>({2}, {1e30F, 0}), extremes));
  const Tensor nan = Tensor::of<float>({1}, {std::numeric_limits<float>::quiet_NaN()});
  BOOST_TEST(nan != nan);
  BOOST_TEST(!all_close(nan, nan));
}

BOOST_AUTO_TEST_SUITE_END()
