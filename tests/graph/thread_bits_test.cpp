// Which results are the same, bit for bit, on one thread and on several.

#include <array>
#include <boost/test/unit_test.hpp>
#include <map>
#include <string>
#include <vector>

#include "../support/graph_support.hpp"
#include "keel/graph/thread_trial.hpp"
#include "keel/keel.hpp"
#include "keel/runtime/threads.hpp"

namespace {

using namespace keel;
using namespace keel::testing;

struct Network {
  Conv2d conv1{3, 32, 3, {.padding = 1}}, conv2{32, 32, 3, {.padding = 1}};
  BatchNorm bn1{32};
  Linear fc1{32 * 8 * 8, 64}, fc2{64, 10};
  bool batch_norm = false;

  Var operator()(const Var& images) const {
    Var x = conv1(images);
    if (batch_norm) x = bn1(x);
    x = conv2(max_pool2d(relu(x), {.kernel = 2}));
    return fc2(relu(fc1(flatten(x))));
  }
  void visit(auto&& each) {
    each("conv1", conv1), each("bn1", bn1), each("conv2", conv2), each("fc1", fc1), each("fc2", fc2);
  }
};

// The losses of some steps and what the model has become, on so many threads.
template <class MakeModel, class MakeOptimizer>
std::vector<double> history(const MakeModel& make_model, const MakeOptimizer& make_optimizer,
                            const Tensor& images, int threads) {
  const ThreadLimit limit{threads};
  auto model = make_model();
  auto optimizer = make_optimizer();
  initialize(model, Rng{3});
  TrainingStep step{model, optimizer, cross_entropy};
  const Tensor labels{Shape{images.shape()[0]}, DType::s32};
  std::vector<double> results;
  for (int i = 0; i < 5; ++i) results.push_back(step(images, labels));
  for (const auto& [path, parameter] : parameters(model)) {
    const auto values = values_of(parameter->value());
    results.insert(results.end(), values.begin(), values.end());
  }
  return results;
}

// Whether the trial says that the step's kernels leave the same bits on one thread as on two.
template <class MakeModel, class MakeOptimizer>
bool said_to_be_same(const MakeModel& make_model, const MakeOptimizer& make_optimizer, const Tensor& images) {
  const ThreadLimit two{2};
  auto model = make_model();
  auto optimizer = make_optimizer();
  initialize(model, Rng{3});
  TrainingStep step{model, optimizer, cross_entropy};
  const auto& program = step.plan(images, Tensor{Shape{images.shape()[0]}, DType::s32}).program();
  return same_bits_on_one_thread(program, std::vector(program.nodes.size(), 2));
}

// What is said to be the same must be. The other way round nothing is promised, but said.
template <class MakeModel, class MakeOptimizer>
void check(const std::string& name, const MakeModel& model, const MakeOptimizer& optimizer,
           const Shape& shape) {
  const auto images = random_tensor(shape, DType::f32, 7);
  const bool same = history(model, optimizer, images, 1) == history(model, optimizer, images, 2);
  const bool said = said_to_be_same(model, optimizer, images);
  BOOST_TEST_MESSAGE(name << ": " << (same ? "the same" : "other") << " bits on one and two threads");
  BOOST_TEST((same || !said), name);
}

// Whether one node's kernels leave the same bits.
bool same_bits_of(const Program& program, std::size_t node, int threads) {
  std::vector<int> by_node(program.nodes.size(), 1);
  by_node[node] = threads;
  return same_bits_on_one_thread(program, by_node);
}

// Sums of columns, added up in four parts, or in as many as there are threads.
class ColumnSums final : public Operator {
 public:
  explicit ColumnSums(bool by_threads) : by_threads_(by_threads) {}

  [[nodiscard]] std::string_view name() const override { return "column_sums"; }
  [[nodiscard]] std::vector<ValueType> infer(std::span<const ValueType> inputs) const override {
    return {{Shape{inputs[0].shape[1]}, inputs[0].dtype}};
  }
  [[nodiscard]] Kernel bind(const Binding& binding) const override {
    const auto& shape = binding.input_type(0).shape;
    return {[rows = shape[0], columns = shape[1], parts = by_threads_ ? ThreadLimit::current() : 4,
             src = binding.input<const float>(0), dst = binding.output<float>(0)] {
              for (std::int64_t c = 0; c < columns; ++c) {
                float sum = 0.0F;
                for (int part = 0; part < parts; ++part) {
                  float partial = 0.0F;
                  for (auto r = rows * part / parts; r < rows * (part + 1) / parts; ++r)
                    partial += src.get()[r * columns + c];
                  sum += partial;
                }
                dst.get()[c] = sum;
              }
            },
            "loop"};
  }

 private:
  bool by_threads_;
};

Var column_sums(const Var& src, bool by_threads) {
  return record(std::make_shared<ColumnSums>(by_threads), {src}, SourceLocation::current());
}

}  // namespace

BOOST_AUTO_TEST_SUITE(thread_bits_test)

BOOST_AUTO_TEST_CASE(training_is_the_same_where_all_kernels_are_said_to_be) {
  const auto sgd = [] { return Sgd{{.learning_rate = 0.01, .momentum = 0.9}}; };
  const auto adam = [] { return Adam{{}}; };
  for (const bool batch_norm : {false, true}) {
    const auto mlp = [&] { return Mlp{{.batch_norm = batch_norm}}; };
    const std::string name = batch_norm ? "with batch norm" : "plain";
    for (const std::int64_t batch : {64, 128, 512}) {
      check("784-128-10, " + name + ", batch " + std::to_string(batch), mlp, sgd, {batch, 784});
      check("784-128-10, " + name + ", Adam, batch " + std::to_string(batch), mlp, adam, {batch, 784});
    }
    const auto network = [&] { return Network{.batch_norm = batch_norm}; };
    check("convolutions, " + name, network, sgd, {16, 3, 16, 16});
  }
}

// Keel's own loops: an element is worked out by one thread, and what is summed is cut into pieces of one length.
BOOST_AUTO_TEST_CASE(loops_are_the_same_on_any_number_of_threads) {
  const ThreadLimit two{2};
  Mlp model{{.batch_norm = true}};
  initialize(model, Rng{3});
  const Tensor images{{128, 784}};
  const Tensor labels{{128}, DType::s32};
  Adam adam{{}};
  Sgd sgd{{.learning_rate = 0.01, .momentum = 0.9, .clip_norm = 1.0}};
  const auto check_loops = [&](auto& optimizer) {
    TrainingStep step{model, optimizer, cross_entropy};
    const auto& program = step.plan(images, labels).program();
    std::map<std::string_view, int> tried;
    for (std::size_t node = 0; node < program.nodes.size(); ++node) {
      const auto name = program.nodes[node].op->name();
      if (name != "adam_update" && name != "sgd_update" && name != "clip_by_norm") continue;
      for (const int threads : {2, 3, 5}) BOOST_TEST(same_bits_of(program, node, threads), name << threads);
      ++tried[name];
    }
    BOOST_TEST(!tried.empty());
  };
  check_loops(adam);
  check_loops(sgd);
}

// The trial itself: it sees that the same numbers are added up in another order.
BOOST_AUTO_TEST_CASE(sums_in_another_order_are_told_from_sums_in_the_same) {
  for (const bool by_threads : {true, false}) {
    Tape tape;
    const Var src = tape.input({{64, 40}, DType::f32}, "src");
    const Var sums = column_sums(src, by_threads);
    const Plan plan{tape, std::array{sums}};
    for (const int threads : {2, 3, 8}) {
      BOOST_TEST(same_bits_of(plan.program(), 0, threads) == !by_threads);
    }
  }
}

// What a product of two numbers of both signs comes to on so many threads, for one draw of numbers.
std::vector<float> product_on(int threads, const Shape& a, const Shape& b, Transposes transposes,
                              std::uint64_t draw) {
  const ThreadLimit limit{threads};
  Tape tape;
  const Var src = tape.stored(random_tensor(a, DType::f32, 2 * draw), "src");
  const Var weights = tape.stored(random_tensor(b, DType::f32, 2 * draw + 1), "weights");
  const Var dst = matmul(src, weights, transposes);
  Plan plan{tape, std::array{dst}};
  plan.run();
  const auto elements = plan.output(0).data<float>();
  return {elements.begin(), elements.end()};
}

// Threads may share one matrix of a batch: then the few elements at the border alone are added up otherwise.
BOOST_AUTO_TEST_CASE(a_batch_of_products_is_the_same_where_it_is_said_to_be) {
  struct Product {
    Shape src;
    Shape weights;
    Transposes transposes;
  };
  const std::vector<Product> products{{{63, 5, 13}, {63, 5, 16}, {.src = true}},
                                      {{63, 5, 16}, {63, 13, 16}, {.weights = true}},
                                      {{63, 5, 13}, {63, 13, 16}, {}},
                                      {{31, 7, 33}, {31, 33, 9}, {}},
                                      {{17, 12, 40}, {40, 11}, {}}};
  for (const auto& [src, weights, transposes] : products) {
    BOOST_TEST_CONTEXT(to_string(src) << " times " << to_string(weights)) {
      Tape tape;
      const Var dst = matmul(tape.input(src), tape.input(weights), transposes);
      const Plan plan{tape, std::array{dst}};
      const bool said = same_bits_of(plan.program(), 0, 2);
      bool same = true;
      for (std::uint64_t draw = 0; draw < 20; ++draw)
        same = same &&
               product_on(1, src, weights, transposes, draw) == product_on(2, src, weights, transposes, draw);
      BOOST_TEST((same || !said));
    }
  }
}

// All elements of a mean's gradient are alike: another order shows in one number of the product, and in none for
// some of the numbers that it is tried with, which go by the values' places on the tape.
BOOST_AUTO_TEST_CASE(a_product_with_a_mean_s_gradient_is_the_same_where_it_is_said_to_be) {
  const auto bits_and_claim = [](int threads, int place) {
    const ThreadLimit limit{threads};
    Tape tape;
    for (int i = 0; i < place; ++i) (void)tape.input({1});
    const Tensor a = random_tensor({63, 5, 13}, DType::f32, 1);
    const Var src = tape.input(a.type());
    const Var weights = tape.stored(random_tensor({63, 5, 16}, DType::f32, 2), "weights");
    const auto grad = gradients(mean(matmul(src, weights, {.src = true})), std::array{src});
    Plan plan{tape, grad};
    plan.bind(src, a);
    plan.run();
    const auto& nodes = plan.program().nodes;
    const auto product = std::ranges::find(nodes, "matmul", [](const auto& node) { return node.op->name(); });
    const auto elements = plan.output(0).data<float>();
    return std::pair{std::vector<float>(elements.begin(), elements.end()),
                     same_bits_of(plan.program(), static_cast<std::size_t>(product - nodes.begin()), 2)};
  };
  for (int place = 0; place < 16; ++place) {
    const auto [on_two, said] = bits_and_claim(2, place);
    BOOST_TEST((!said || bits_and_claim(1, place).first == on_two), "place " << place);
  }
}

// Two sums may agree by chance, zeros always do.
BOOST_AUTO_TEST_CASE(what_too_few_numbers_can_not_tell_is_not_said_to_be_the_same) {
  Tape tape;
  const Var src = tape.input({{64, 2}, DType::f32}, "src");
  const Var sums = column_sums(src, false);
  const Plan plan{tape, std::array{sums}};
  BOOST_TEST(!same_bits_of(plan.program(), 0, 2));
}

BOOST_AUTO_TEST_SUITE_END()
