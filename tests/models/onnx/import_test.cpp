// A network from a file is a model like any other.

#include <boost/test/unit_test.hpp>
#include <string>
#include <vector>

#include "../../support/checkpoint_support.hpp"
#include "../../support/ops_support.hpp"
#include "../../support/random_tensor.hpp"
#include "keel/models/onnx.hpp"
#include "keel/models/onnx/file.hpp"
#include "networks.hpp"

namespace {

using namespace keel;
using namespace keel::test;
using onnx::Element;

template <class Network>
OnnxModel loaded(const std::filesystem::path& path, const Shape& sample) {
  Network network;
  initialize(network, Rng{3});
  export_onnx(network, sample, path);
  return load_onnx(path);
}

std::vector<float> numbers_of(OnnxModel& model, const std::string& wanted) {
  for (const auto& [path, parameter] : parameters(model)) {
    if (path != wanted) continue;
    const auto data = parameter->value().data<float>();
    return {data.begin(), data.end()};
  }
  return {};
}

}  // namespace

BOOST_FIXTURE_TEST_SUITE(onnx_import_test, Folder)

BOOST_AUTO_TEST_CASE(it_says_what_it_is) {
  auto model = loaded<NormalizedMlp>(path / "m.onnx", {12});
  BOOST_TEST((model.operators() == std::vector<std::string>{"Gemm", "BatchNormalization", "Relu", "Gemm"}));
  BOOST_REQUIRE(model.inputs().size() == 1U);
  BOOST_TEST(model.inputs()[0].name == "input");
  BOOST_TEST(model.inputs()[0].element_type == "float");
  BOOST_TEST((model.inputs()[0].extents == std::vector<std::int64_t>{-1, 12}));
  BOOST_TEST((model.outputs()[0].extents == std::vector<std::int64_t>{-1, 5}));
}

// Trained by the same batches, a network and what was made of its file stay the same, batch norm's
// statistics included.
BOOST_AUTO_TEST_CASE(it_is_trained_as_the_network_that_it_was) {
  NormalizedMlp network;
  network.dropout = Dropout{0.0};
  initialize(network, Rng{3});
  export_onnx(network, {12}, path / "m.onnx");
  auto model = load_onnx(path / "m.onnx");
  Sgd sgd{{.learning_rate = 0.1, .momentum = 0.9}}, other{{.learning_rate = 0.1, .momentum = 0.9}};
  TrainingStep step{network, sgd, cross_entropy};
  TrainingStep other_step{model, other, cross_entropy};
  for (std::uint64_t seed = 1; seed <= 5; ++seed) {
    const Tensor batch = random_tensor({16, 12}, seed);
    const Tensor labels = random_labels(16, 5, seed);
    BOOST_TEST(step(batch, labels) == other_step(batch, labels));
  }
  for (const auto& [name, parameter] : parameters(network)) {
    if (parameter->kind() == Parameter::Kind::state) continue;
    const auto data = parameter->value().data<float>();
    BOOST_TEST(numbers_of(model, name) == std::vector<float>(data.begin(), data.end()), name);
  }
}

BOOST_AUTO_TEST_CASE(it_is_saved_and_takes_the_weights_of_the_network_that_it_was) {
  NormalizedMlp network;
  network.dropout = Dropout{0.0};
  initialize(network, Rng{3});
  export_onnx(network, {12}, path / "m.onnx");
  initialize(network, Rng{4});
  save_checkpoint(network, path / "weights");
  auto model = load_onnx(path / "m.onnx");
  const auto report = load_checkpoint(model, path / "weights", {.strict = false});
  BOOST_TEST(report.missing.empty());
  BOOST_TEST(report.other_settings.empty());
  Inference expected{network};
  Inference actual{model};
  const Tensor batch = random_tensor({3, 12}, 1);
  BOOST_TEST((values(actual(batch)) == values(expected(batch))));
  save_checkpoint(model, path / "again");
  auto other = load_onnx(path / "m.onnx");
  load_checkpoint(other, path / "again");
  Inference again{other};
  BOOST_TEST((values(again(batch)) == values(expected(batch))));
}

BOOST_AUTO_TEST_CASE(it_is_differentiated_in_double_precision) {
  auto mlp = loaded<NormalizedMlp>(path / "m.onnx", {12});
  const auto of_mlp = gradcheck(mlp, cross_entropy, random_tensor({6, 12}, 1), random_labels(6, 5, 1));
  BOOST_TEST(of_mlp.ok, of_mlp.text);
  auto attention = loaded<AttentionBlock>(path / "a.onnx", {4, 6});
  const auto of_attention =
      gradcheck(attention, cross_entropy, random_tensor({3, 4, 6}, 1), random_labels(3, 5, 1));
  BOOST_TEST(of_attention.ok, of_attention.text);
}

BOOST_AUTO_TEST_CASE(a_model_of_doubles_stays_one) {
  PlainMlp network;
  initialize(network, Rng{3}, DType::f64);
  export_onnx(network, {12}, path / "m.onnx");
  auto model = load_onnx(path / "m.onnx");
  BOOST_TEST(model.inputs()[0].element_type == "double");
  Inference expected{network};
  Inference actual{model};
  const Tensor batch = converted(random_tensor({3, 12}, 1), DType::f64);
  BOOST_TEST((values(actual(batch)) == values(expected(batch))));
}

BOOST_AUTO_TEST_CASE(it_is_initialized_anew) {
  auto model = loaded<PlainMlp>(path / "m.onnx", {12});
  const auto before = numbers_of(model, "fc1.weights");
  initialize(model, Rng{9});
  BOOST_TEST(numbers_of(model, "fc1.weights") != before);
}

BOOST_AUTO_TEST_CASE(shapes_that_do_not_fit_are_errors_that_name_the_file) {
  auto model = loaded<PlainMlp>(path / "m.onnx", {12});
  Inference inference{model};
  BOOST_TEST(throws_with<ShapeError>(
      [&] {
        inference(random_tensor({3, 11}, 1));
      },
      {"m.onnx: its input 'input' is f32 (any, 12), not f32 (3, 11)"}));
}

// What PyTorch's exporter leaves around a flatten: shapes that are taken apart and put together.
BOOST_AUTO_TEST_CASE(arithmetic_on_shapes_is_carried_out_beforehand) {
  onnx::FileGraph graph;
  const std::vector<std::int64_t> zero{0}, rest{-1};
  const auto scalar = [](std::int64_t number) {
    return onnx::Array{"", Element::s64, {}, {reinterpret_cast<const char*>(&number), sizeof number}};
  };
  const auto list = [](std::int64_t number) {
    return onnx::Array{"", Element::s64, {1}, {reinterpret_cast<const char*>(&number), sizeof number}};
  };
  graph.inputs = {{"x", Element::f32, true, {-1, 2, 3}}};
  graph.outputs = {{"y", Element::f32, false, {}}};
  graph.nodes = {{"Shape", "", {"x"}, {"shape"}, {}},
                 {"Constant", "", {}, {"first"}, {{"value", scalar(0)}}},
                 {"Constant", "", {}, {"axes"}, {{"value", list(0)}}},
                 {"Constant", "", {}, {"open"}, {{"value", list(-1)}}},
                 {"Gather", "", {"shape", "first"}, {"samples"}, {{"axis", std::int64_t{0}}}},
                 {"Unsqueeze", "", {"samples", "axes"}, {"listed"}, {}},
                 {"Concat", "", {"listed", "open"}, {"target"}, {{"axis", std::int64_t{0}}}},
                 {"Reshape", "", {"x", "target"}, {"y"}, {}}};
  write(path / "m.onnx", onnx::serialized(graph));
  auto model = load_onnx(path / "m.onnx");
  Tape tape{Mode::inference};
  BOOST_TEST((model(tape.input({4, 2, 3})).shape() == Shape{4, 6}));
  BOOST_TEST((model(tape.input({1, 2, 3})).shape() == Shape{1, 6}));
  BOOST_TEST(tape.program().nodes.size() == 2U);  // nothing but the reshapes
}

BOOST_AUTO_TEST_SUITE_END()
