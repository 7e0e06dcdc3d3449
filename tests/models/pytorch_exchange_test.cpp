// Weights go to PyTorch and come from there as they are: by a file that it has written, and, where it is installed, by
// itself, with the two networks of the document that keel began with.

#include <fmt/format.h>

#include <boost/test/unit_test.hpp>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "../support/checkpoint_support.hpp"
#include "../support/ops_support.hpp"
#include "../support/process.hpp"
#include "keel/keel.hpp"

namespace {

using namespace keel;
using namespace keel::test;

// Arrays of a file, each as a parameter.
struct Arrays {
  struct Array {
    std::string name;
    Parameter values;
  };
  std::vector<Array> arrays;
  void add(std::string name, Shape shape, DType dtype) {
    arrays.push_back(
        {std::move(name), Parameter{shape, Initializer::constant(0), Parameter::Kind::trained, dtype}});
  }
  [[nodiscard]] const Tensor& operator[](std::size_t i) const { return arrays[i].values.value(); }
  void visit(auto&& each) {
    for (auto& array : arrays) each(array.name, array.values);
  }
};

auto small_network() {
  return Sequential{Conv2d{1, 2, 3, {.bias = false}},        BatchNorm{2}, relu,
                    [](const Var& x) { return flatten(x); }, Linear{8, 4}, LayerNorm{4}};
}

struct SimpleNN {
  Linear fc1{28 * 28, 128}, fc2{128, 10};
  Var operator()(const Var& x) { return fc2(relu(fc1(x))); }
  void visit(auto&& each) { each("fc1", fc1), each("fc2", fc2); }
};

struct SimpleNNWithBN {
  Linear fc1{28 * 28, 128}, fc2{128, 10};
  BatchNorm bn1{128};
  Var operator()(const Var& x) { return fc2(relu(bn1(fc1(x)))); }
  void visit(auto&& each) { each("fc1", fc1), each("bn1", bn1), each("fc2", fc2); }
};

// Loads PyTorch's weights and logits, and leaves keel's, before and after a step of training, for it.
template <class Network>
void exchange(const std::filesystem::path& folder, const std::string& name) {
  const auto file = [&](const char* form) { return folder / fmt::format(fmt::runtime(form), name); };
  Network network;
  load_checkpoint(network, file("{}.safetensors"), {.names = Names::pytorch});
  Arrays data;
  data.add("images", {64, 784}, DType::f32);
  data.add("labels", {64}, DType::s32);
  data.add("logits", {64, 10}, DType::f32);
  load_checkpoint(data, file("{}-data.safetensors"));
  Inference inference{network};
  BOOST_TEST(within(values(inference(data[0])), values(data[2]), 1e-5), name);

  Sgd sgd{{.learning_rate = 0.01, .momentum = 0.9}};
  TrainingStep step{network, sgd, cross_entropy};
  for (int i = 0; i < 5; ++i) step(data[0], data[1]);
  save_checkpoint(network, file("keel-{}.safetensors"), {.names = Names::pytorch});
  data.arrays[2].values.set_value(inference(data[0]));
  save_checkpoint(data, file("{}-data.safetensors"));
  sgd.reset();
  step(data[0], data[1]);
  save_checkpoint(network, file("keel-{}-step.safetensors"), {.names = Names::pytorch});
}

}  // namespace

BOOST_FIXTURE_TEST_SUITE(pytorch_exchange_test, Folder)

BOOST_AUTO_TEST_CASE(a_file_of_pytorch_gives_its_logits) {
  const auto file = source_root() / "tests/models/pytorch.safetensors";
  auto network = small_network();
  load_checkpoint(network, file, {.names = Names::pytorch, .prefix = "net."});
  Arrays data;
  data.add("images", {5, 1, 4, 4}, DType::f32);
  data.add("logits", {5, 4}, DType::f32);
  load_checkpoint(data, file, {.strict = false});
  Inference inference{network};
  BOOST_TEST(within(values(inference(data[0])), values(data[1]), 1e-5));
}

BOOST_AUTO_TEST_CASE(halves_and_long_integers_are_read) {
  const auto file = source_root() / "tests/models/pytorch.safetensors";
  Arrays arrays;
  arrays.add("half", {6}, DType::f32);
  arrays.add("brain", {6}, DType::f32);
  arrays.add("long", {2}, DType::s32);
  arrays.add("net.1.num_batches_tracked", {}, DType::f64);
  const auto load = [&] {
    load_checkpoint(arrays, file, {.renamed = {{"net.1.num_batches_tracked", "count"}}, .strict = false});
  };
  arrays.arrays.back().name = "count";
  load();
  constexpr float infinity = std::numeric_limits<float>::infinity();
  const std::vector<float> half{0.0F, -1.5F, 65504.0F, 0x1p-24F, infinity, 0.333251953125F};
  const std::vector<float> brain{0.0F, -1.5F, 65536.0F, 0x1p-24F, infinity, 0.333984375F};
  BOOST_TEST(arrays[0].data<float>() == half, boost::test_tools::per_element());
  BOOST_TEST(arrays[1].data<float>() == brain, boost::test_tools::per_element());
  BOOST_TEST(arrays[2].data<std::int32_t>()[0] == 3);
  BOOST_TEST(arrays[2].data<std::int32_t>()[1] == std::numeric_limits<std::int32_t>::min());
  BOOST_TEST(arrays[3].data<double>()[0] == 10.0);
}

BOOST_AUTO_TEST_CASE(a_file_for_pytorch_has_its_names_and_types) {
  auto network = small_network();
  initialize(network, Rng{1});
  for (const auto& [name, parameter] : parameters(network))
    if (name == "1.updates") parameter->value().data<float>()[0] = 12.0F;
  save_checkpoint(network, model(), {.names = Names::pytorch});
  const auto content = read(model());
  std::string entries;
  for (const auto* name :
       {R"("format":"pt")", R"("0.weight":{"dtype":"F32","shape":[2,1,3,3],"data_offsets":[0,72]})",
        R"("1.weight":{"dtype":"F32","shape":[2],"data_offsets":[72,80]})",
        R"("1.bias":{"dtype":"F32","shape":[2],"data_offsets":[80,88]})",
        R"("1.running_mean":{"dtype":"F32","shape":[2],"data_offsets":[88,96]})",
        R"("1.running_var":{"dtype":"F32","shape":[2],"data_offsets":[96,104]})",
        R"("1.num_batches_tracked":{"dtype":"I64","shape":[],"data_offsets":[104,112]})", R"("4.weight":{)",
        R"("4.bias":{)", R"("5.weight":{)", R"("5.bias":{)"})
    BOOST_TEST(content.find(name) != std::string::npos, name << " is not in " << content.substr(8, 900));
  const auto values_at = content.size() - (112 + 4 * (32 + 4 + 4 + 4));
  BOOST_TEST(content.substr(values_at + 104, 8) == std::string("\f\0\0\0\0\0\0\0", 8));
  auto other = small_network();
  load_checkpoint(other, model(), {.names = Names::pytorch});
  Inference expected{network}, actual{other};
  const Tensor images = random_tensor({3, 1, 4, 4}, 5);
  BOOST_TEST((values(actual(images)) == values(expected(images))));
}

BOOST_AUTO_TEST_CASE(the_other_names_are_recognized) {
  SimpleNNWithBN network;
  initialize(network, Rng{1});
  save_checkpoint(network, model(), {.names = Names::pytorch});
  BOOST_TEST(
      throws_with<Error>([&] { load_checkpoint(network, model()); },
                         {"it has no 'fc1.weights', which the model has, but a 'fc1.weight': load it with "
                          "{.names = keel::Names::pytorch}"}));
  save_checkpoint(network, model());
  BOOST_TEST(
      throws_with<Error>([&] { load_checkpoint(network, model(), {.names = Names::pytorch}); },
                         {"it has no 'fc1.weight'", "a 'fc1.weights'", "{.names = keel::Names::keel}"}));
}

BOOST_AUTO_TEST_CASE(random_streams_are_not_pytorchs) {
  const auto make = [] { return Sequential{Linear{3, 3}, Dropout{0.5}}; };
  auto network = make();
  initialize(network, Rng{1});
  save_checkpoint(network, model(), {.names = Names::pytorch});
  BOOST_TEST(read(model()).find("stream") == std::string::npos);
  auto other = make();
  BOOST_TEST(throws_with<Error>([&] { load_checkpoint(other, model(), {.names = Names::pytorch}); },
                                {"'1.stream', which has none yet: call keel::initialize"}));
  initialize(other, Rng{2});
  const auto stream = parameters(other).back().parameter->value().clone();
  load_checkpoint(other, model(), {.names = Names::pytorch});
  BOOST_TEST(parameters(other).back().parameter->value().data<std::int32_t>() == stream.data<std::int32_t>(),
             boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(pytorch_itself_takes_and_gives_weights) {
  if (run_command("python3 -c 'import torch, safetensors.torch'", path).status != 0) {
    BOOST_TEST_MESSAGE("python3 has no torch and safetensors here: not tried with PyTorch itself");
    return;
  }
  const auto python = [&](const std::string& task) {
    const auto script = source_root() / "tests/models/pytorch_exchange.py";
    const auto done = run_command(fmt::format("python3 '{}' {} .", script.string(), task), path);
    BOOST_TEST(done.status == 0, done.out << done.err);
    BOOST_TEST_MESSAGE(done.out);
  };
  python("write");
  exchange<SimpleNN>(path, "plain");
  exchange<SimpleNNWithBN>(path, "bn");
  python("check");
}

BOOST_AUTO_TEST_SUITE_END()
