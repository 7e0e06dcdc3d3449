#include "keel/models/checkpoint.hpp"

#include <boost/test/unit_test.hpp>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <vector>

#include "../support/checkpoint_support.hpp"
#include "../support/ops_support.hpp"
#include "keel/keel.hpp"

namespace {

using namespace keel;
using namespace keel::test;

struct Options {
  BatchNormOptions norm = {};
  double rate = 0.25;
  std::int64_t width = 16;
};

struct Network {
  explicit Network(const Options& options = {})
      : fc1{6, options.width, {.bias = false}},
        bn1{options.width, options.norm},
        dropout{options.rate},
        fc2{options.width, 3} {}
  Linear fc1;
  BatchNorm bn1;
  Dropout dropout;
  Linear fc2;
  Var operator()(const Var& src) { return fc2(dropout(relu(bn1(fc1(src))))); }
  void visit(auto&& each) {
    each("fc1", fc1);
    each("bn1", bn1);
    each("dropout", dropout);
    each("fc2", fc2);
  }
};

std::vector<std::byte> bytes_of(auto& model) {
  std::vector<std::byte> result;
  for (const auto& [path, parameter] : parameters(model)) {
    const auto& value = parameter->value();
    result.insert(result.end(), value.bytes(), value.bytes() + value.type().bytes());
  }
  return result;
}

// `steps` more steps, from batch `first` on, and their losses.
std::vector<double> train(Network& model, DType dtype, std::uint64_t first, std::uint64_t steps) {
  Sgd sgd{{.learning_rate = 0.1}};
  TrainingStep step{model, sgd, cross_entropy};
  std::vector<double> losses;
  for (std::uint64_t i = first; i < first + steps; ++i)
    losses.push_back(step(converted(random_tensor({16, 6}, i), dtype), random_labels(16, 3, i)));
  return losses;
}

}  // namespace

BOOST_FIXTURE_TEST_SUITE(checkpoint_test, Folder)

BOOST_AUTO_TEST_CASE(evaluation_after_a_round_trip_is_bitwise_equal) {
  for (const auto dtype : {DType::f32, DType::f64}) {
    Network saved;
    initialize(saved, Rng{1}, dtype);
    train(saved, dtype, 0, 5);
    save_checkpoint(saved, model());
    BOOST_TEST(files_in(path) == 1);

    Network loaded;
    load_checkpoint(loaded, model());  // had no values
    Network other;
    initialize(other, Rng{2}, dtype);
    load_checkpoint(other, model());
    Inference expected{saved};
    Inference fresh{loaded};
    Inference changed{other};
    const Tensor images = converted(random_tensor({7, 6}, 99), dtype);
    BOOST_TEST((values(fresh(images)) == values(expected(images))));
    BOOST_TEST((values(changed(images)) == values(expected(images))));
    BOOST_TEST((bytes_of(loaded) == bytes_of(saved)));
    BOOST_TEST(values(parameters(loaded)[5].parameter->value())[0] == 5);  // the count of updates
  }
}

BOOST_AUTO_TEST_CASE(training_goes_on_as_if_it_had_not_been_interrupted) {
  for (const auto& momentum : {std::optional<double>{0.1}, std::optional<double>{}}) {
    const Options options{.norm = {.momentum = momentum}};
    Network through{options};
    initialize(through, Rng{1});
    train(through, DType::f32, 0, 5);
    save_checkpoint(through, model());
    const auto losses = train(through, DType::f32, 5, 5);
    Network resumed{options};
    load_checkpoint(resumed, model());
    BOOST_TEST((train(resumed, DType::f32, 5, 5) == losses));
    BOOST_TEST((bytes_of(resumed) == bytes_of(through)));
  }
}

BOOST_AUTO_TEST_CASE(compiled_functions_go_on_with_the_loaded_values) {
  Network saved;
  initialize(saved, Rng{1});
  save_checkpoint(saved, model());
  Network other;
  initialize(other, Rng{2});
  Inference expected{saved};
  Inference compiled{other};
  const Tensor images = random_tensor({7, 6}, 99);
  BOOST_TEST((values(compiled(images)) != values(expected(images))));
  load_checkpoint(other, model());
  BOOST_TEST((values(compiled(images)) == values(expected(images))));
}

BOOST_AUTO_TEST_CASE(the_file_is_a_safetensors_file) {
  Network saved;
  initialize(saved, Rng{1});
  save_checkpoint(saved, model());
  const auto content = read(model());
  std::uint64_t length = 0;
  std::memcpy(&length, content.data(), 8);
  BOOST_TEST(length % 8 == 0);
  const auto header = content.substr(8, length);
  for (const auto* part :
       {R"({"__metadata__":{)", R"("bn1.epsilon":"1e-05")", R"("bn1.momentum":"0.1")",
        R"("dropout.rate":"0.25")", R"("fc1.weights":{"dtype":"F32","shape":[16,6],"data_offsets":[0,384]})",
        R"("bn1.updates":{"dtype":"F32","shape":[],)", R"("dropout.stream":{"dtype":"I32","shape":[4],)"})
    BOOST_TEST(header.find(part) != std::string::npos, part << " is not in " << header);
  BOOST_TEST(content.size() == 8 + length + bytes_of(saved).size());
  BOOST_TEST(std::memcmp(content.data() + 8 + length, bytes_of(saved).data(), bytes_of(saved).size()) == 0);
}

BOOST_AUTO_TEST_CASE(another_setting_is_said) {
  Network saved;
  initialize(saved, Rng{1});
  save_checkpoint(saved, model());
  const auto refused = [&](const Options& options, std::initializer_list<std::string_view> parts) {
    Network other{options};
    return throws_with<Error>([&] { load_checkpoint(other, model()); }, parts);
  };
  BOOST_TEST(refused({.norm = {.epsilon = 1e-3}},
                     {"model.safetensors'", "'bn1.epsilon' is 1e-05 in it and 0.001 in the model"}));
  BOOST_TEST(
      refused({.norm = {.momentum = std::nullopt}}, {"'bn1.momentum' is 0.1 in it and none in the model"}));
  BOOST_TEST(refused({.rate = 0.5}, {"'dropout.rate' is 0.25 in it and 0.5 in the model"}));
}

// What the arrays alone would not tell.
BOOST_AUTO_TEST_CASE(layers_of_other_settings_are_not_loaded) {
  const auto refused = [&](auto saved, auto other, const std::string& setting) {
    initialize(saved, Rng{1});
    save_checkpoint(saved, model());
    return throws_with<Error>([&] { load_checkpoint(other, model()); }, {setting, "in the model"});
  };
  BOOST_TEST(refused(LayerNorm{3, {.epsilon = 1}}, LayerNorm{3}, "'epsilon' is 1 in it"));
  BOOST_TEST(refused(GroupNorm{4, 8}, GroupNorm{2, 8}, "'groups' is 4 in it"));
  BOOST_TEST(refused(Embedding{4, 2, {.padding_index = 1}}, Embedding{4, 2}, "'padding_index' is 1 in it"));
  BOOST_TEST(
      refused(Embedding{4, 2}, Embedding{4, 2, {.padding_index = 1}}, "'padding_index' is none in it"));
  BOOST_TEST(refused(Conv2d{4, 4, 3, {.stride = {1, 2}}}, Conv2d{4, 4, 3}, "'stride_width' is 2 in it"));
  BOOST_TEST(refused(Conv2d{4, 4, 3, {.padding = {1, 0}}}, Conv2d{4, 4, 3}, "'padding_height' is 1 in it"));
  BOOST_TEST(refused(Conv2d{4, 4, 3, {.dilation = 2}}, Conv2d{4, 4, 3}, "'dilation_height' is 2 in it"));
  // (Of as many weights with other groups.)
  BOOST_TEST(refused(Conv2d{4, 4, 3, {.groups = 2}}, Conv2d{2, 4, 3}, "'groups' is 2 in it"));
  BOOST_TEST(
      refused(ConvTranspose2d{4, 4, 3, {.stride = 2}}, ConvTranspose2d{4, 4, 3}, "'stride_height' is 2"));
  BOOST_TEST(refused(ConvTranspose2d{4, 4, 3, {.stride = 2, .output_padding = 1}},
                     ConvTranspose2d{4, 4, 3, {.stride = 2}}, "'output_padding_height' is 1 in it"));
}

BOOST_AUTO_TEST_CASE(another_model_is_refused_by_the_parameter_that_differs) {
  Network saved;
  initialize(saved, Rng{1});
  save_checkpoint(saved, model());
  Network wider{{.width = 20}};
  BOOST_TEST(throws_with<Error>([&] { load_checkpoint(wider, model()); },
                                {"model.safetensors'", "'fc1.weights' is (16, 6) in it and (20, 6)"}));
  Network wide;
  initialize(wide, Rng{1}, DType::f64);
  const auto before = bytes_of(wide);
  BOOST_TEST(throws_with<Error>([&] { load_checkpoint(wide, model()); },
                                {"'fc1.weights' is f32 in it and f64 in the model"}));
  BOOST_TEST((bytes_of(wide) == before));
  Mlp mlp{{.inputs = 6, .hidden = {16}, .classes = 3}};
  BOOST_TEST(throws_with<Error>([&] { load_checkpoint(mlp, model()); }, {"it has no 'fc1.bias'"}));
}

BOOST_AUTO_TEST_CASE(a_model_without_values_is_not_saved) {
  Network model_without;
  BOOST_TEST(throws_with<Error>([&] { save_checkpoint(model_without, model()); },
                                {"'fc1.weights' has no values yet"}));
  BOOST_TEST(files_in(path) == 0);
}

BOOST_AUTO_TEST_SUITE_END()
