#include <boost/test/unit_test.hpp>
#include <string>
#include <vector>

#include "../support/checkpoint_support.hpp"
#include "../support/ops_support.hpp"
#include "keel/keel.hpp"

namespace {

using namespace keel;
using namespace keel::test;

struct Body {
  Linear fc1{4, 8, {.bias = false}};
  BatchNorm bn1;
  explicit Body(double epsilon = 1e-5) : bn1{8, {.epsilon = epsilon}} {}
  Var operator()(const Var& x) { return relu(bn1(fc1(x))); }
  void visit(auto&& each) { each("fc1", fc1), each("bn1", bn1); }
};

template <std::int64_t classes>
struct Network {
  Body body;
  Linear head{8, classes};
  explicit Network(double epsilon = 1e-5) : body{epsilon} {}
  Var operator()(const Var& x) { return head(body(x)); }
  void visit(auto&& each) { each("body", body), each("head", head); }
};

struct Other {
  Body body{1e-3};
  Linear last{8, 3};
  void visit(auto&& each) { each("body", body), each("last", last); }
};

struct Renamed {
  Body backbone;
  Linear last{8, 3};
  void visit(auto&& each) { each("backbone", backbone), each("last", last); }
};

struct Wrapped {
  Body body;
  void visit(auto&& each) { each("body", body); }
};

std::vector<double> values_at(auto& model, const std::string& path) {
  for (const auto& [name, parameter] : parameters(model))
    if (name == path) return values(parameter->value());
  return {};
}

struct SavedNetwork : Folder {
  SavedNetwork() {
    initialize(saved, Rng{1});
    Sgd sgd{{}};
    TrainingStep step{saved, sgd, cross_entropy};
    step(random_tensor({6, 4}, 1), random_labels(6, 3, 1));
    save_checkpoint(saved, model());
  }
  Network<3> saved;
};

const std::vector<std::string> body_paths{
    "fc1.weights", "bn1.gamma", "bn1.beta", "bn1.running_mean", "bn1.running_variance", "bn1.updates"};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(partial_loading_test, SavedNetwork)

BOOST_AUTO_TEST_CASE(what_lies_below_a_prefix_is_loaded_alone) {
  Body body;
  const auto report = load_checkpoint(body, model(), {.prefix = "body."});
  BOOST_TEST(report.complete());
  BOOST_TEST(report.loaded == body_paths, boost::test_tools::per_element());
  for (const auto& name : body_paths)
    BOOST_TEST((values_at(body, name) == values_at(saved, "body." + name)), name);
  Body other{1e-3};
  BOOST_TEST(throws_with<Error>([&] { load_checkpoint(other, model(), {.prefix = "body."}); },
                                {"'bn1.epsilon' is 1e-05 in it and 0.001 in the model"}));
  BOOST_TEST(throws_with<Error>([&] { load_checkpoint(body, model(), {.prefix = "trunk."}); },
                                {"it has no 'trunk.fc1.weights'"}));
}

BOOST_AUTO_TEST_CASE(a_new_head_keeps_its_values_and_is_reported) {
  Network<5> tuned;
  initialize(tuned, Rng{2});
  const auto head = values_at(tuned, "head.weights");
  BOOST_TEST(throws_with<Error>([&] { load_checkpoint(tuned, model()); },
                                {"'head.weights' is (3, 8) in it and (5, 8) in the model"}));
  const auto report = load_checkpoint(tuned, model(), {.strict = false});
  BOOST_TEST(!report.complete());
  BOOST_TEST(report.loaded.size() == 6);
  BOOST_TEST(report.missing.empty());
  BOOST_TEST(report.left_over.empty());
  BOOST_REQUIRE(report.of_other_type.size() == 2);
  BOOST_TEST(report.of_other_type[0].path == "head.weights");
  BOOST_TEST(report.of_other_type[0].in_file == "(3, 8)");
  BOOST_TEST(report.of_other_type[0].in_model == "(5, 8)");
  BOOST_TEST((values_at(tuned, "head.weights") == head));
  for (const auto& name : body_paths)
    BOOST_TEST((values_at(tuned, "body." + name) == values_at(saved, "body." + name)), name);
  BOOST_TEST(report.text() ==
             "6 parameters loaded\n"
             "head.weights is (3, 8) in the file and (5, 8) in the model\n"
             "head.bias is (3) in the file and (5) in the model\n");
}

BOOST_AUTO_TEST_CASE(what_is_missing_and_left_over_is_reported) {
  Other other;
  BOOST_TEST(throws_with<Error>(
      [&] { load_checkpoint(other, model(), {.strict = false}); },
      {"it gives no values to 'last.weights', which has none yet: call keel::initialize"}));
  BOOST_TEST(!parameters(other)[0].parameter->value().defined());  // it is as it was
  initialize(other, Rng{2}, DType::f32);
  const auto report = load_checkpoint(other, model(), {.strict = false});
  const std::vector<std::string> missing{"last.weights", "last.bias"}, left_over{"head.bias", "head.weights"};
  BOOST_TEST(report.missing == missing, boost::test_tools::per_element());
  BOOST_TEST(report.left_over == left_over, boost::test_tools::per_element());
  BOOST_REQUIRE(report.other_settings.size() == 1);
  BOOST_TEST(report.text() ==
             "6 parameters loaded\n"
             "missing: last.weights, last.bias\n"
             "left over: head.bias, head.weights\n"
             "body.bn1.epsilon is 1e-05 in the file and 0.001 in the model\n");

  Network<3> wide;
  initialize(wide, Rng{2}, DType::f64);
  const auto nothing = load_checkpoint(wide, model(), {.strict = false});
  BOOST_TEST(nothing.loaded.empty());
  BOOST_TEST(nothing.of_other_type.size() == 8);
  BOOST_TEST(nothing.of_other_type[0].in_file == "f32");
}

BOOST_AUTO_TEST_CASE(arrays_are_renamed_by_what_their_names_begin_with_or_by_a_function) {
  const std::string weights = "head.weights";
  const auto check = [&](const LoadOptions& options) {
    Renamed renamed;
    const auto report = load_checkpoint(renamed, model(), options);
    BOOST_TEST(report.complete());
    BOOST_TEST((values_at(renamed, "last.weights") == values_at(saved, weights)));
    BOOST_TEST((values_at(renamed, "backbone.bn1.gamma") == values_at(saved, "body.bn1.gamma")));
  };
  check({.renamed = {{"body", "backbone"}, {"head", "last"}, {"bod", "wrong"}}});
  check(
      {.renamed = {
           {"body", "wrong"}, {"body.fc1", "backbone.fc1"}, {"body.bn1", "backbone.bn1"}, {"head", "last"}}});
  check({.rename = [](const std::string& name) {
    return name.starts_with("body") ? "backbone" + name.substr(4) : "last" + name.substr(4);
  }});

  Body body;
  BOOST_TEST(load_checkpoint(
                 body, model(),
                 {.renamed = {{"body", ""}},
                  .rename = [](const std::string& name) { return name.starts_with("head") ? "" : name; }})
                 .complete());
  BOOST_TEST((values_at(body, "bn1.gamma") == values_at(saved, "body.bn1.gamma")));
  BOOST_TEST(
      throws_with<Error>([&] { load_checkpoint(body, model(), {.rename = [](const auto&) { return "a"; }}); },
                         {"both '", "' in it would be 'a' in the model"}));
}

BOOST_AUTO_TEST_CASE(compiled_steps_go_on_with_what_was_loaded) {
  Network<5> tuned;
  initialize(tuned, Rng{2});
  Inference inference{tuned};
  const Tensor points = random_tensor({4, 4}, 3);
  const auto before = values(inference(points));
  load_checkpoint(tuned, model(), {.strict = false});
  BOOST_TEST((values(inference(points)) != before));
}

BOOST_AUTO_TEST_CASE(a_function_renames_settings_too) {
  Body body{1e-3};
  initialize(body, Rng{1});
  save_checkpoint(body, model(), {.texts = {{"note", "bn1 of epsilon"}}});
  Wrapped wrapped;
  std::vector<std::string> asked;
  const LoadOptions options{.rename = [&](const std::string& name) {
    asked.push_back(name);
    return "body." + name;
  }};
  BOOST_TEST(throws_with<Error>([&] { load_checkpoint(wrapped, model(), options); },
                                {"'body.bn1.epsilon' is 0.001 in it and 1e-05 in the model"}));
  for (const auto& name : asked)
    BOOST_TEST(name.find('.') != std::string::npos);  // "format", "note" are neither
}

BOOST_AUTO_TEST_CASE(what_the_options_rename_away_is_said) {
  BOOST_TEST(throws_with<Error>(
      [&] {
        load_checkpoint(saved, model(), {.renamed = {{"body", "trunk"}}});
      },
      {"its 'body.fc1.weights' is renamed to 'trunk.fc1.weights'"}));
  BOOST_TEST(throws_with<Error>(
      [&] { load_checkpoint(saved, model(), {.rename = [](const std::string&) { return ""; }}); },
      {"its 'body.fc1.weights' is left aside"}));
}

BOOST_AUTO_TEST_SUITE_END()
