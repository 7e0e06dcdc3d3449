// What a file says of a network, as text and back.

#include "keel/tools/training/network_description.hpp"

#include <boost/test/unit_test.hpp>

#include "keel/models/initialize.hpp"
#include "keel/runtime/error.hpp"
#include "keel/tools/data/image_set.hpp"
#include "keel/tools/training/network_label.hpp"

namespace keel::test {
namespace {

using namespace keel::tools;

// Networks of every kind that keel train makes.
std::vector<NetworkDescription> networks() {
  std::vector<NetworkDescription> result;
  for (const auto norm : {Norm::none, Norm::batch, Norm::layer, Norm::group}) {
    for (const auto activation :
         {Activation::relu, Activation::tanh, Activation::sigmoid, Activation::gelu}) {
      for (const bool images : {false, true}) {
        NetworkDescription network{
            .height = 8, .width = 9, .classes = 5, .norm = norm, .activation = activation};
        network.hidden = images ? std::vector<std::int64_t>{16} : std::vector<std::int64_t>{12, 7, 2};
        if (images) network.channels = {4, 6};
        network.dropout = images ? 0.0 : 0.1;
        network.bias_before_norm = activation == Activation::tanh;
        result.push_back(network);
      }
    }
  }
  result.push_back({.height = 2, .width = 3, .hidden = {}, .classes = 4});
  return result;
}

std::string refusal(const std::string& text) {
  try {
    (void)parse_network(text);
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

BOOST_AUTO_TEST_SUITE(network_description)

BOOST_AUTO_TEST_CASE(a_text_is_read_back_as_it_was) {
  for (const auto& network : networks()) {
    const auto text = text_of(network);
    BOOST_TEST(text.find('\n') == std::string::npos);
    BOOST_TEST((parse_network(text) == network), text);
  }
  BOOST_TEST(text_of({.norm = Norm::batch, .dropout = 0.25}) ==
             "image=28x28 channels=none hidden=128 classes=10 norm=batch activation=relu dropout=0.25 "
             "bias=not-before-norm");
}

BOOST_AUTO_TEST_CASE(the_weights_are_counted_without_making_them) {
  for (const auto& network : networks()) {
    Network made{options_of(network)};
    std::int64_t count = 0;
    for (const auto& [path, parameter] : parameters(made))
      if (parameter->kind() == Parameter::Kind::trained) count += parameter->shape().elements();
    BOOST_TEST(trained_numbers(network) == static_cast<double>(count), text_of(network));
  }
}

BOOST_AUTO_TEST_CASE(a_network_computes_logits_of_its_images) {
  for (const auto& network : networks()) {
    Network made{options_of(network)};
    initialize(made, Rng{1});
    Tape tape{Mode::training};
    const auto logits = made(tape.input({Shape{6, network.height * network.width}, DType::f32}, "images"));
    BOOST_TEST((logits.shape() == Shape{6, network.classes}), text_of(network));
  }
}

BOOST_AUTO_TEST_CASE(other_texts_are_refused_in_words) {
  const std::string good = text_of({});
  const auto with = [&](const std::string& from, const std::string& to) {
    auto text = good;
    return text.replace(text.find(from), from.size(), to);
  };
  const std::vector<std::string> texts{"",
                                       "?",
                                       "image",
                                       good + " more=1",
                                       good + " image=28x28",
                                       good.substr(0, good.rfind(' ')),
                                       with("28x28", "28"),
                                       with("28x28", "28x28x1"),
                                       with("28x28", "0x28"),
                                       with("28x28", "-1x28"),
                                       with("28x28", "99999999999999999999x1"),
                                       with("28x28", "1e3x28"),
                                       with("=128", "="),
                                       with("=128", "=12-"),
                                       with("=128", "=12--3"),
                                       with("classes=10", "classes=ten"),
                                       with("norm=none", "norm=some"),
                                       with("relu", "softmax"),
                                       with("dropout=0", "dropout=1"),
                                       with("dropout=0", "dropout=nan"),
                                       with("not-before-norm", "none")};
  for (const auto& text : texts) BOOST_TEST(!refusal(text).empty(), text);
  std::string many = "1";
  for (int i = 0; i < 100'000; ++i) many += "-1";
  BOOST_TEST(refusal(with("=128", "=" + many)).size() < 300U);
}

BOOST_AUTO_TEST_CASE(a_label_is_read_back_and_a_wrong_one_is_refused) {
  DataSet data{.name = "made up", .digest = {}, .classes = 3};
  data.train = {.height = 1, .width = 2, .pixels = {250, 250}, .labels = {0}};
  const auto label = label_for(data, {.height = 1, .width = 2, .classes = 3});
  auto texts = texts_of(label);
  texts["format"] = "keel";
  const auto again = label_in(texts);
  BOOST_TEST((again.network == label.network));
  BOOST_TEST(again.class_names == (std::vector<std::string>{"0", "1", "2"}),
             boost::test_tools::per_element());
  BOOST_TEST(again.light_background.value());
  BOOST_TEST(!again.pytorch_names);
  for (const auto& [name, text] : std::map<std::string, std::string>{{"network", "?"},
                                                                     {"class_names", "[\"0\",\"1\"]"},
                                                                     {"class_names", "[\"0\",\"1\",\"1\"]"},
                                                                     {"class_names", "[0,1,2]"},
                                                                     {"class_names", "{"},
                                                                     {"pixel_scaling", "1 * byte + 0"},
                                                                     {"background", "grey"}}) {
    auto wrong = texts;
    wrong[name] = text;
    BOOST_CHECK_THROW((void)label_in(wrong), Error);
    wrong.erase(name);
    BOOST_CHECK_THROW((void)label_in(wrong), Error);
  }
}

BOOST_AUTO_TEST_CASE(names_that_are_no_text_are_made_some) {
  tools::DataSet data;
  data.classes = 3;
  data.class_names = {"a\xFF", "a\xFE", "b"};
  const auto label = tools::label_for(data, {.classes = 3});
  BOOST_TEST(label.class_names[0] == "a\xEF\xBF\xBD");
  BOOST_TEST(label.class_names[1] == "a\xEF\xBF\xBD (2)");
  auto texts = tools::texts_of(label);
  texts["format"] = "keel";
  BOOST_TEST((tools::label_in(texts).class_names == label.class_names));
  const auto onnx = tools::onnx_label_in(tools::onnx_texts_of(label));
  BOOST_TEST((onnx.class_names == label.class_names));
  BOOST_TEST(onnx.height == 28);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace keel::test
