// Products of batches of matrices.

#include <boost/test/unit_test.hpp>
#include <string>
#include <vector>

#include "../support/ops_support.hpp"
#include "keel/keel.hpp"

namespace {

using namespace keel;
using test::random_tensor;
using test::random_tensors;
using test::throws_with;

using Vars = std::span<const Var>;

Shape with_leading(std::vector<std::int64_t> leading, std::int64_t rows, std::int64_t columns,
                   bool transposed) {
  leading.push_back(transposed ? columns : rows);
  leading.push_back(transposed ? rows : columns);
  return Shape{leading};
}

}  // namespace

BOOST_AUTO_TEST_SUITE(matmul_batch_test)

BOOST_AUTO_TEST_CASE(a_batch_worked_by_hand) {
  const Tensor a = Tensor::of<float>({2, 1, 2}, {1, 2, 3, 4});
  const Tensor b = Tensor::of<float>({2, 2, 1}, {1, 10, 100, 1000});
  for (const auto dtype : {DType::f32, DType::f64}) {
    const auto result = test::evaluate([](Vars v) { return std::vector{matmul(v[0], v[1])}; },
                                       {.dtype = dtype, .differentiated = false, .inputs = {a, b}});
    BOOST_TEST(result.outputs[0] == (std::vector<double>{21, 4300}), boost::test_tools::per_element());
  }
}

BOOST_AUTO_TEST_CASE(every_kind_of_batch_and_transposition_agrees_with_the_reference) {
  struct Sizes {
    std::int64_t rows;
    std::int64_t inner;
    std::int64_t columns;
  };
  const std::vector<std::vector<std::int64_t>> leadings{{1}, {3}, {2, 1, 3}};
  for (const auto& leading : leadings) {
    std::int64_t batch = 1;
    for (const auto extent : leading) batch *= extent;
    for (const auto& s :
         {Sizes{1, 1, 1}, Sizes{4, 5, 3}, Sizes{1, 7, 2}, Sizes{17, 33, 9}, Sizes{50, 64, 50}}) {
      for (const bool src : {false, true}) {
        for (const bool weights : {false, true}) {
          const auto function = [&](Vars v) { return std::vector{matmul(v[0], v[1], {src, weights})}; };
          const Shape one_src = with_leading({}, s.rows, s.inner, src);
          const Shape one_weights = with_leading({}, s.inner, s.columns, weights);
          const Shape many_src = with_leading(leading, s.rows, s.inner, src);
          const Shape many_weights = with_leading(leading, s.inner, s.columns, weights);
          const auto longest = std::max({s.rows, s.inner, s.columns}) * batch;
          for (const auto& [a, b] : {std::pair{many_src, many_weights}, std::pair{many_src, one_weights},
                                     std::pair{one_src, many_weights}}) {
            BOOST_TEST_CONTEXT(to_string(a)
                               << " times " << to_string(b) << ", transposed: " << src << weights)
            test::check_sums_of_products(function, random_tensors({a, b}), longest);
          }
        }
      }
    }
  }
}

BOOST_AUTO_TEST_CASE(no_product_of_a_batch_is_left_to_oneDNN_s_reference) {
  for (const bool src : {false, true}) {
    for (const auto& [a, b] :
         {std::pair{Shape{8, 32, 32}, Shape{8, 32, 32}}, std::pair{Shape{8, 32, 32}, Shape{32, 32}},
          std::pair{Shape{32, 32}, Shape{8, 32, 32}}}) {
      const auto result =
          test::evaluate([&](Vars v) { return std::vector{matmul(v[0], v[1], {.src = src})}; },
                         {.inputs = random_tensors({a, b})});
      for (std::size_t i = 0; i < result.steps.size(); ++i) {
        const auto& implementation = result.implementations[i];
        BOOST_TEST(implementation.find("ref") == std::string::npos,
                   result.steps[i] << ": " << implementation);
      }
    }
  }
}

// The rows of the whole batch are one matrix's, without a copy.
BOOST_AUTO_TEST_CASE(shared_weights_make_one_large_product_and_their_gradient_too) {
  const auto result = test::evaluate([](Vars v) { return std::vector{matmul(v[0], v[1])}; },
                                     {.inputs = random_tensors({{8, 16, 32}, {32, 24}})});
  BOOST_TEST(result.steps == (std::vector<std::string>{"matmul", "matmul", "matmul"}),
             boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(the_work_of_a_batch_is_counted) {
  Tape tape;
  const Var a = tape.stored(test::random_tensor({4, 5, 6}, 1));
  const Var b = tape.stored(test::random_tensor({4, 6, 7}, 2));
  const Var shared = tape.stored(test::random_tensor({6, 7}, 3));
  Plan plan{tape, std::array{matmul(a, b), matmul(a, shared)}};
  for (const auto& step : plan.steps()) BOOST_TEST(step.cost.flops == 2.0 * 4 * 5 * 6 * 7);
}

// The product of a batch is not added into a velocity, which the kernel of one product does.
BOOST_AUTO_TEST_CASE(gradients_that_are_batches_are_updated_as_any_other) {
  const auto train = [](const Shape& weights, bool fused) {
    const Tensor parameter = test::random_tensor(weights, 1);
    Sgd sgd{{.learning_rate = 0.05, .momentum = 0.9}};
    Tape tape;
    const std::array trained{tape.stored(parameter)};
    const Var product = matmul(tape.stored(test::random_tensor({3, 8, 4}, 2)), trained[0]);
    const Var loss = mean(product * product);
    sgd.update(trained, gradients(loss, trained));
    Plan plan{tape, std::array{loss}, {.rules = fused ? fusion_rules() : std::span<const FusionRule>{}}};
    for (int i = 0; i < 5; ++i) plan.run();
    bool into_velocity = false;
    for (const auto& step : plan.steps()) into_velocity |= step.node.op->name() == "matmul+velocity";
    return std::pair{test::values(parameter), into_velocity};
  };
  const auto batch = train({3, 4, 5}, true);
  BOOST_TEST(!batch.second);
  BOOST_TEST(batch.first == train({3, 4, 5}, false).first, boost::test_tools::per_element());
  // Shared weights' gradient is a single product of matrices. Their values are below 8 and five steps add
  // the same numbers in another order: some units in the last place.
  const auto shared = train({4, 5}, true);
  BOOST_TEST(shared.second);
  BOOST_TEST(test::within(shared.first, train({4, 5}, false).first, 32 * 8 * test::unit_roundoff));
}

BOOST_AUTO_TEST_CASE(batches_that_do_not_fit_are_named_with_the_caller_s_line) {
  Tape tape;
  const Var a = tape.input(Shape{2, 3, 4});
  const std::string line = "matmul_batch_test.cpp:" + std::to_string(__LINE__ + 1);
  const auto call = [&] { matmul(a, tape.input(Shape{3, 4, 5})); };
  BOOST_TEST(throws_with<ShapeError>(
      call, {"matmul(f32 (2, 3, 4), f32 (3, 4, 5))", line, "the leading extents (2) and (3) differ"}));
  BOOST_TEST(throws_with<ShapeError>(
      [&] {
        matmul(a, tape.input(Shape{2, 1, 4, 5}));
      },
      {"the leading extents (2) and (2, 1) differ"}));
  BOOST_TEST(throws_with<ShapeError>(
      [&] {
        matmul(a, tape.input(Shape{2, 3, 5}));
      },
      {"the inner extents 4 and 3 differ"}));
  BOOST_TEST(throws_with<ShapeError>([&] { matmul(a, tape.input(Shape{4})); },
                                     {"weights must have 2 axes or more, not 1 as in (4)"}));
}

// Whatever lies in front of the features, rows are rows: the product and its gradients are those of one matrix.
BOOST_AUTO_TEST_CASE(linear_takes_any_leading_axes) {
  const auto by_shape = [](const Shape& shape, DType dtype) {
    return test::evaluate(
        [&](Vars v) { return std::vector{linear(v[0], v[1], v[2])}; },
        {.dtype = dtype,
         .fused = true,
         .inputs = {random_tensor(shape, 1), random_tensor({5, 4}, 2), random_tensor({5}, 3)}});
  };
  for (const auto dtype : {DType::f32, DType::f64}) {
    const auto rows = by_shape({6, 4}, dtype);
    for (const auto& shape : {Shape{2, 3, 4}, Shape{1, 6, 1, 4}}) {
      const auto others = by_shape(shape, dtype);
      BOOST_TEST(others.outputs[0] == rows.outputs[0], boost::test_tools::per_element());
      for (std::size_t i = 0; i < 3; ++i)
        BOOST_TEST(others.gradients[i] == rows.gradients[i], boost::test_tools::per_element());
    }
  }
}

BOOST_AUTO_TEST_CASE(linear_of_leading_axes_agrees_with_differences) {
  for (const auto& shape : {Shape{4}, Shape{2, 3, 4}}) {
    for (const int order : {1, 2}) {
      const auto report = gradcheck([](Vars v) { return linear(v[0], v[1], v[2]); }, {shape, {5, 4}, {5}},
                                    {.order = order, .f32 = GradcheckF32::required});
      BOOST_TEST(report.ok, report.text);
    }
  }
}

BOOST_AUTO_TEST_CASE(linear_of_no_rows_has_no_gradient) {
  const auto result =
      test::evaluate([](Vars v) { return std::vector{linear(v[0], v[1], v[2])}; },
                     {.inputs = {Tensor{{2, 0, 4}}, random_tensor({5, 4}, 2), random_tensor({5}, 3)}});
  BOOST_TEST(result.outputs[0].empty());
  BOOST_TEST(result.gradients[1] == std::vector<double>(20, 0.0), boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(linear_says_what_it_cannot_take) {
  Tape tape;
  const Var weights = tape.input(Shape{5, 4});
  const std::string line = "matmul_batch_test.cpp:" + std::to_string(__LINE__ + 1);
  const auto call = [&] { linear(tape.input(Shape{2, 3, 6}), weights); };
  BOOST_TEST(throws_with<ShapeError>(call, {"linear(f32 (2, 3, 6), f32 (5, 4)) at " + line,
                                            "src has 6 features, weights (out, in) expect 4"}));
  BOOST_TEST(throws_with<ShapeError>([&] { linear(tape.input(Shape{}), weights); }, {"has no axes"}));
}

BOOST_AUTO_TEST_SUITE_END()
