// Layers over other axes than (N, C), and those that normalize each sample by itself.

#include <boost/test/unit_test.hpp>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "../support/ops_support.hpp"
#include "keel/keel.hpp"

namespace {

using namespace keel;
using test::random_tensor;
using Values = std::vector<double>;

// What `layer` makes of `src` on a tape of its own.
template <class Layer>
Values applied(const Layer& layer, const Tensor& src, Mode mode = Mode::training) {
  Tape tape{mode};
  const std::array outputs{layer(tape.stored(src))};
  Plan plan{tape, outputs};
  plan.run();
  return test::values(plan.output(0));
}

template <class Layer>
std::vector<std::string> paths_of(Layer& layer) {
  initialize(layer, Rng{1});
  std::vector<std::string> paths;
  for (const auto& named : parameters(layer)) paths.push_back(named.path);
  return paths;
}

struct SequenceNet {
  Linear fc{4, 3};
  BatchNorm norm{3};
  Var operator()(const Var& src) { return norm(fc(src)); }
  void visit(auto&& each) { each("fc", fc), each("norm", norm); }
};

struct GroupedNet {
  Linear fc{4, 6};
  BatchNorm norm{6};
  GroupNorm groups{2, 6};
  Var operator()(const Var& src) { return groups(norm(fc(src))); }
  void visit(auto&& each) { each("fc", fc), each("norm", norm), each("groups", groups); }
};

}  // namespace

BOOST_AUTO_TEST_SUITE(norm_layers_test)

BOOST_AUTO_TEST_CASE(their_parameters_are_gamma_and_beta_where_there_are_any) {
  GroupNorm group{2, 4};
  InstanceNorm instance{4};
  InstanceNorm affine{4, {.affine = true}};
  RmsNorm rms{4};
  RmsNorm plain{4, {.affine = false}};
  const std::vector<std::string> both{"gamma", "beta"};
  BOOST_TEST(paths_of(group) == both, boost::test_tools::per_element());
  BOOST_TEST(paths_of(instance).empty());
  BOOST_TEST(paths_of(affine) == both, boost::test_tools::per_element());
  BOOST_TEST(paths_of(rms) == std::vector<std::string>{"gamma"}, boost::test_tools::per_element());
  BOOST_TEST(paths_of(plain).empty());
}

BOOST_AUTO_TEST_CASE(they_are_the_same_in_training_and_inference) {
  GroupNorm group{2, 4, {.epsilon = 0.0}};
  InstanceNorm instance{2, {.epsilon = 0.0}};
  RmsNorm rms{2, {.epsilon = 0.0}};
  initialize(group, Rng{1});
  initialize(rms, Rng{1});
  for (const auto mode : {Mode::training, Mode::inference}) {
    BOOST_TEST(test::within(applied(group, Tensor::of<float>({1, 4}, {1, 3, 0, 4}), mode),
                            Values{-1, 1, -1, 1}, 1e-6));
    BOOST_TEST(test::within(applied(instance, Tensor::of<float>({1, 2, 2}, {1, 3, 4, 0}), mode),
                            Values{-1, 1, 1, -1}, 1e-6));
    BOOST_TEST(test::within(applied(rms, Tensor::of<float>({1, 2}, {1, 7}), mode), Values{0.2, 1.4}, 1e-6));
  }
}

// A checkpoint tells when it is loaded into a layer of another epsilon.
BOOST_AUTO_TEST_CASE(their_epsilons_are_settings) {
  GroupNorm group{2, 4, {.epsilon = 0.5}};
  RmsNorm rms{4};
  BOOST_TEST(settings(group).at(0).path == "epsilon");
  BOOST_TEST(settings(group).at(0).value == "0.5");
  BOOST_TEST(settings(rms).at(0).value == "none");
}

BOOST_AUTO_TEST_CASE(linear_applies_to_every_row_of_leading_axes) {
  Linear layer{4, 3};
  initialize(layer, Rng{1});
  BOOST_TEST(applied(layer, random_tensor({2, 5, 4}, 1)) == applied(layer, random_tensor({10, 4}, 1)),
             boost::test_tools::per_element());
}

// (1, 3) and (5, 7) of one channel: mean 4, unbiased variance 20/3.
BOOST_AUTO_TEST_CASE(batch_norm_of_sequences_counts_every_place) {
  BatchNorm layer{1, {.momentum = 1.0}};
  initialize(layer, Rng{1});
  applied(layer, Tensor::of<float>({2, 1, 2}, {1, 3, 5, 7}));
  const auto named = parameters(layer);
  BOOST_TEST(test::within(test::values(named[2].parameter->value()), Values{4}, 1e-6));
  BOOST_TEST(test::within(test::values(named[3].parameter->value()), Values{20.0 / 3}, 1e-6));
  const Tensor volume = random_tensor({2, 1, 2, 3, 2}, 1);
  BOOST_TEST(applied(layer, volume, Mode::inference) ==
                 applied(layer, random_tensor({2, 1, 12}, 1), Mode::inference),
             boost::test_tools::per_element());
}

// Of (N, 3, 3) batch norm's features are axis 1, the layer's own the last one.
BOOST_AUTO_TEST_CASE(batch_norm_is_not_folded_into_a_layer_with_other_features) {
  SequenceNet net;
  initialize(net, Rng{1});
  const auto fold = [&] {
    fold_batch_norm([&](const Var& src) { return net(src); }, {{2, 3, 4}, DType::f32});
  };
  BOOST_TEST(test::throws_with<Error>(fold, {"can't be folded"}));
}

BOOST_AUTO_TEST_CASE(group_norm_does_not_keep_batch_norm_from_being_folded) {
  GroupedNet net;
  initialize(net, Rng{1});
  Inference original{net};
  const Tensor src = random_tensor({5, 4}, 1);
  auto folded = fold_batch_norm([&](const Var& v) { return net(v); }, src.type());
  BOOST_TEST(test::within(test::values(folded(src)), test::values(original(src)), 1e-5));
}

BOOST_AUTO_TEST_CASE(options_that_make_no_sense_are_refused_where_they_are_given) {
  using test::throws_with;
  const double nan = std::numeric_limits<double>::quiet_NaN();
  BOOST_TEST(throws_with<Error>([] { GroupNorm{3, 8}; }, {"GroupNorm, 8,", "3 equal groups"}));
  BOOST_TEST(throws_with<Error>([] { GroupNorm{0, 8}; }, {"0 equal groups"}));
  BOOST_TEST(throws_with<Error>([] { GroupNorm{2, 8, {.epsilon = -1}}; }, {"epsilon", "-1"}));
  BOOST_TEST(throws_with<Error>([] { BatchNorm{3, {.epsilon = -1}}; }, {"epsilon", "-1"}));
  BOOST_TEST(throws_with<Error>([&] { LayerNorm{3, {.epsilon = nan}}; }, {"epsilon", "nan"}));
  BOOST_TEST(throws_with<Error>([&] { InstanceNorm{3, {.epsilon = nan}}; }, {"epsilon", "nan"}));
  BOOST_TEST(throws_with<Error>([&] { RmsNorm{3, {.epsilon = nan}}; }, {"epsilon", "nan"}));
}

BOOST_AUTO_TEST_SUITE_END()
