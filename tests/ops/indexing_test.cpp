#include "keel/ops/indexing.hpp"

#include <boost/test/unit_test.hpp>
#include <string>
#include <vector>

#include "../support/ops_support.hpp"
#include "../support/shape_support.hpp"
#include "keel/graph/gradcheck.hpp"
#include "keel/ops/arithmetic.hpp"
#include "keel/ops/elementwise.hpp"
#include "keel/runtime/error.hpp"

namespace {

using namespace keel;
using boost::test_tools::per_element;
using test::throws_with;

using Vars = std::span<const Var>;
using Values = std::vector<double>;

Tensor indices_of(const Shape& shape, std::initializer_list<std::int32_t> elements) {
  return Tensor::of<std::int32_t>(shape, elements);
}

std::vector<test::Evaluation> evaluations(const test::Function& function, const std::vector<Tensor>& inputs) {
  std::vector<test::Evaluation> results;
  for (const auto dtype : {DType::f32, DType::f64})
    results.push_back(test::evaluate(function, {.dtype = dtype, .inputs = inputs}));
  return results;
}

Tensor f64_of(const Shape& shape, std::uint64_t seed) {
  return test::random_tensor(shape, DType::f64, seed);
}

void check_orders(const std::string& name, const std::function<Var(Vars)>& function,
                  const std::vector<Tensor>& inputs) {
  for (const int order : {1, 2}) {
    const auto report = gradcheck(function, std::span<Shape>{},
                                  {.order = order, .f32 = GradcheckF32::required, .inputs = inputs});
    BOOST_TEST(report.ok, name << ", order " << order << ": " << report.text);
  }
}

// Runs a plan of what `function` makes of an array and indices.
void run(const Tensor& src, const Tensor& indices,
         const std::function<Var(const Var&, const Var&)>& function) {
  Tape tape;
  const std::vector<Var> outputs{function(tape.stored(src), tape.stored(indices))};
  Plan plan{tape, outputs};
  plan.run();
}

}  // namespace

BOOST_AUTO_TEST_SUITE(indexing_test)

BOOST_AUTO_TEST_CASE(rows_taken_and_their_gradients_worked_by_hand) {
  const Tensor src = Tensor::of<float>({3, 2}, {1, 2, 3, 4, 5, 6});
  const auto g = test::values(test::upstream_gradient(Shape{2, 2, 2}));
  for (const auto& result : evaluations([](Vars v) { return std::vector{take(v[0], v[1])}; },
                                        {src, indices_of({2, 2}, {2, 0, 2, 2})})) {
    BOOST_TEST(result.outputs[0] == (Values{5, 6, 1, 2, 5, 6, 5, 6}), per_element());
    const Values grads{g[2], g[3], 0, 0, g[0] + g[4] + g[6], g[1] + g[5] + g[7]};
    BOOST_TEST(test::within(result.gradients[0], grads, 1e-6));
  }
}

template <class T>
void check_take() {
  const Tensor src = test::counting<T>({2, 3, 2});
  const auto taken = [&](const Tensor& indices, std::int64_t axis) {
    return test::computed<T>(src, [&](const Var& v) { return take(v, v.tape().stored(indices), axis); });
  };
  BOOST_TEST(taken(indices_of({2}, {2, 1}), 1) == (std::vector<T>{4, 5, 2, 3, 10, 11, 8, 9}), per_element());
  BOOST_TEST(taken(indices_of({}, {1}), -1) == (std::vector<T>{1, 3, 5, 7, 9, 11}), per_element());
  BOOST_TEST(taken(indices_of({1, 1}, {1}), 0) == (std::vector<T>{6, 7, 8, 9, 10, 11}), per_element());
}

BOOST_AUTO_TEST_CASE(parts_along_any_axis_in_every_type) {
  check_take<float>();
  check_take<double>();
  check_take<std::int32_t>();
  check_take<std::uint8_t>();
}

// numpy: np.take_along_axis where the extents agree; torch.gather where the indices' are smaller.
BOOST_AUTO_TEST_CASE(elements_gathered_worked_by_hand) {
  const Tensor src = Tensor::of<float>({3, 3}, {1, 2, 3, 4, 5, 6, 7, 8, 9});
  for (const auto& result : evaluations(
           [](Vars v) {
             return std::vector{gather(v[0], v[1], 1), gather(v[0], v[1], 0), gather(v[0], v[2], -1)};
           },
           {src, indices_of({2, 3}, {2, 2, 0, 1, 0, 1}), indices_of({3, 1}, {2, 1, 0})})) {
    BOOST_TEST(result.outputs[0] == (Values{3, 3, 1, 5, 4, 5}), per_element());
    BOOST_TEST(result.outputs[1] == (Values{7, 8, 3, 4, 2, 6}), per_element());
    BOOST_TEST(result.outputs[2] == (Values{3, 5, 7}), per_element());
    const auto g = test::values(test::upstream_gradient(Shape{2, 3}));
    const Values grads{g[2], 0, g[0] + g[1], g[4], g[3] + g[5], 0, 0, 0, 0};
    BOOST_TEST(test::within(result.gradients[0], grads, 1e-6));
  }
}

BOOST_AUTO_TEST_CASE(elements_scattered_worked_by_hand) {
  const Tensor dst = Tensor::of<float>({2, 3}, {10, 20, 30, 40, 50, 60});
  const Tensor src = Tensor::of<float>({2, 2}, {1, 2, 3, 4});
  const auto g = test::values(test::upstream_gradient(Shape{2, 3}));
  for (const auto& result : evaluations([](Vars v) { return std::vector{scatter_add(v[0], v[2], v[1], 1)}; },
                                        {dst, src, indices_of({2, 2}, {2, 2, 0, 1})})) {
    BOOST_TEST(result.outputs[0] == (Values{10, 20, 33, 43, 54, 60}), per_element());
    BOOST_TEST(result.gradients[0] == g, per_element());
    BOOST_TEST(result.gradients[1] == (Values{g[2], g[2], g[3], g[4]}), per_element());
  }
}

// An f32 sum would stay at 2^24.
BOOST_AUTO_TEST_CASE(what_is_named_often_is_added_in_double) {
  const Tensor src = Tensor::of<float>({1, 3}, {0x1p24F, 1, 1});
  const auto sums = test::computed<float>(src, [](const Var& v) {
    Tape& tape = v.tape();
    return scatter_add(tape.stored(Tensor{{1, 2}}), tape.stored(indices_of({1, 3}, {1, 1, 1})), v, 1);
  });
  BOOST_TEST(sums == (std::vector<float>{0, 0x1p24F + 2}), per_element());
}

BOOST_AUTO_TEST_CASE(ones_at_the_classes) {
  const Tensor labels = indices_of({2, 2}, {1, 0, 2, 1});
  const auto single = test::computed<float>(labels, [](const Var& v) { return one_hot(v, 3); });
  const auto wide = test::computed<double>(labels, [](const Var& v) { return one_hot(v, 3, DType::f64); });
  const std::vector<double> expected{0, 1, 0, 1, 0, 0, 0, 0, 1, 0, 1, 0};
  BOOST_TEST(std::vector<double>(single.begin(), single.end()) == expected, per_element());
  BOOST_TEST(wide == expected, per_element());
}

BOOST_AUTO_TEST_CASE(gradients_along_every_axis) {
  const Tensor src = f64_of({3, 2, 4}, 1);
  for (const std::int64_t axis : {0, 1, -1}) {
    const Tensor some = indices_of({2, 2}, {1, 0, 1, 1});
    check_orders("take", [=](Vars v) { return square(take(v[0], v[1], axis)); }, {src, some});
    const Tensor lines = indices_of({2, 2, 3}, {1, 0, 1, 1, 0, 1, 0, 0, 1, 1, 1, 0});
    check_orders("gather", [=](Vars v) { return square(gather(v[0], v[1], axis)); }, {src, lines});
    check_orders("scatter_add", [=](Vars v) { return square(scatter_add(v[0], v[2], v[1], axis)); },
                 {src, f64_of({2, 2, 3}, 2), lines});
  }
  const Tensor wide = f64_of({5, 600}, 3);
  check_orders("take of wide rows", [](Vars v) { return square(take(v[0], v[1])); },
               {wide, indices_of({4}, {3, 0, 3, 3})});
}

BOOST_AUTO_TEST_CASE(indices_out_of_range_are_named_with_their_place) {
  const Tensor src{{3, 4}};
  const std::string line = "indexing_test.cpp:" + std::to_string(__LINE__ + 3);
  const auto taken = [&] {
    run(src, indices_of({2, 2}, {0, 1, 3, 0}),
        [](const Var& v, const Var& indices) { return take(v, indices); });
  };
  BOOST_TEST(throws_with<Error>(taken, {"take at ", line, "index 3 at (1, 0) is not one of 0 to 2"}));
  const auto fails = [&](std::int32_t index, const std::function<Var(const Var&, const Var&)>& function,
                         std::initializer_list<std::string_view> parts) {
    return throws_with<Error>([&] { run(src, indices_of({1, 2}, {0, index}), function); }, parts);
  };
  const auto gathered = [](const Var& v, const Var& indices) { return gather(v, indices, 1); };
  BOOST_TEST(fails(-1, gathered, {"gather at ", "index -1 at (0, 1) is not one of 0 to 3"}));
  const auto scattered = [](const Var& v, const Var& indices) {
    return scatter_add(v, indices, v.tape().stored(Tensor{{1, 2}}), 0);
  };
  BOOST_TEST(fails(3, scattered, {"scatter_add at ", "index 3 at (0, 1) is not one of 0 to 2"}));
  const auto hot = [](const Var&, const Var& indices) { return one_hot(indices, 5); };
  BOOST_TEST(fails(7, hot, {"one_hot at ", "index 7 at (0, 1) is not one of 0 to 4"}));
}

BOOST_AUTO_TEST_CASE(misfits_are_named_with_the_caller_s_line) {
  Tape tape;
  const Var src = tape.input({3, 4});
  const Var indices = tape.input({2, 5}, DType::s32);
  const std::string line = "indexing_test.cpp:" + std::to_string(__LINE__ + 1);
  BOOST_TEST(throws_with<ShapeError>([&] { gather(src, indices, 0); },
                                     {"gather(f32 (3, 4), s32 (2, 5)) at ", line, "longer along axis 1"}));
  BOOST_TEST(throws_with<ShapeError>([&] { take(src, src); }, {"take(f32 (3, 4), f32 (3, 4))", "be s32"}));
  BOOST_TEST(throws_with<ShapeError>([&] { take(src, indices, 2); }, {"no axis 2"}));
  BOOST_TEST(throws_with<ShapeError>(
      [&] {
        take(src, tape.input({1, 1, 1, 1, 1, 1}, DType::s32));
      },
      {"would have 7 axes, more than 6"}));
  BOOST_TEST(throws_with<ShapeError>([&] { gather(src, tape.input({2}, DType::s32), 0); }, {"2 axes"}));
  BOOST_TEST(throws_with<ShapeError>([&] { scatter_add(src, indices, src, 1); },
                                     {"scatter_add(f32 (3, 4), s32 (2, 5))", "indices must be (3, 4)"}));
  BOOST_TEST(throws_with<ShapeError>([&] { one_hot(indices, 0); }, {"one_hot(s32 (2, 5))", "one class"}));
  BOOST_TEST(throws_with<ShapeError>([&] { one_hot(indices, 3, DType::u8); }, {"f32 or f64, not u8"}));
}

BOOST_AUTO_TEST_SUITE_END()
