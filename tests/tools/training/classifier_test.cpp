// Networks in files: written, read, folded, and what is refused.

#include "keel/tools/training/classifier.hpp"

#include <fmt/format.h>

#include <boost/test/unit_test.hpp>
#include <cmath>
#include <fstream>

#include "../../support/process.hpp"
#include "../../support/random_tensor.hpp"
#include "keel/models/checkpoint.hpp"
#include "keel/models/initialize.hpp"
#include "keel/models/training_step.hpp"
#include "keel/tools/system/exit_status.hpp"

namespace keel::test {
namespace {

using namespace keel::tools;
namespace fs = std::filesystem;

NetworkDescription described(Norm norm, bool images) {
  NetworkDescription network{.height = 8, .width = 8, .hidden = {6, 4}, .classes = 3, .norm = norm};
  if (images) network.channels = {2};
  return network;
}

// With statistics that are not those of the beginning.
LabelledNetwork network_with(const NetworkDescription& description) {
  LabelledNetwork result{.label = {.network = description, .class_names = {"a", "b", "c"}},
                         .network = std::make_unique<Network>(options_of(description))};
  initialize(*result.network, Rng{5});
  Rng random{6};
  for (const auto& [path, parameter] : parameters(*result.network)) {
    if (path.find("bn") == std::string::npos || path.ends_with("updates")) continue;
    for (auto& value : Tensor{parameter->value()}.data<float>())
      value = static_cast<float>(random.uniform(0.5, 2.0));
  }
  return result;
}

std::vector<float> logits_of(LabelledNetwork& network) {
  Inference infer{*network.network};
  const Tensor logits = infer(random_tensor({7, 64}, 1));
  const auto data = logits.data<float>();
  return {data.begin(), data.end()};
}

struct NetworkFile {
  [[nodiscard]] fs::path file(const std::string& name = "network") const {
    return folder.path() / (name + ".safetensors");
  }
  [[nodiscard]] std::string refusal() const {
    try {
      (void)load_network(file());
    } catch (const DataError& error) {
      return error.what();
    }
    return "";
  }
  TemporaryFolder folder;
};

BOOST_FIXTURE_TEST_SUITE(classifier, NetworkFile)

BOOST_AUTO_TEST_CASE(a_network_is_the_same_after_writing_and_reading) {
  for (const bool images : {false, true}) {
    for (const auto norm : {Norm::none, Norm::batch, Norm::layer, Norm::group}) {
      for (const bool pytorch : {false, true}) {
        auto network = network_with(described(norm, images));
        network.label.pytorch_names = pytorch;
        save_network(network, file());
        auto again = load_network(file());
        BOOST_TEST((logits_of(again) == logits_of(network)), text_of(network.label.network));
        BOOST_TEST((again.label.class_names == network.label.class_names));
        BOOST_TEST(again.label.pytorch_names == pytorch);
      }
    }
  }
}

BOOST_AUTO_TEST_CASE(batch_norms_are_folded_into_weights_of_a_plain_network) {
  for (const bool images : {false, true}) {
    auto network = network_with(described(Norm::batch, images));
    auto plain = folded(network);
    BOOST_TEST((plain.label.network == described(Norm::none, images)));
    save_network(plain, file());
    plain = load_network(file());
    const auto expected = logits_of(network);
    const auto actual = logits_of(plain);
    for (std::size_t i = 0; i < expected.size(); ++i) BOOST_TEST(std::abs(actual[i] - expected[i]) < 1e-5F);
    // What has biases already, as from PyTorch, too.
    network.label.pytorch_names = true;
    save_network(network, file());
    auto with_biases = load_network(file());
    auto again = folded(with_biases);
    BOOST_TEST((logits_of(again) == actual));
  }
  auto layer_norms = network_with(described(Norm::layer, false));
  auto same = folded(layer_norms);
  BOOST_TEST((logits_of(same) == logits_of(layer_norms)));
}

BOOST_AUTO_TEST_CASE(dropout_is_left_out_of_a_network_that_is_read) {
  auto description = described(Norm::none, false);
  description.dropout = 0.5;
  auto network = network_with(description);
  save_network(network, file());
  BOOST_TEST(read_file(file()).find("dropout1.stream") != std::string::npos);
  auto again = load_network(file());
  BOOST_TEST((logits_of(again) == logits_of(network)));
  BOOST_TEST((again.label.network == description));
}

BOOST_AUTO_TEST_CASE(a_file_that_does_not_say_what_it_is_gets_a_sentence) {
  auto network = network_with(described(Norm::batch, false));
  save_checkpoint(*network.network, file());
  BOOST_TEST(refusal().find("does not say in its metadata what network it is") != std::string::npos,
             refusal());
  BOOST_TEST(refusal().find(file().string()) != std::string::npos);
  BOOST_TEST(refusal().find("keel::load_checkpoint") != std::string::npos);
}

// Of another network, or with numbers that would take more memory than there is.
BOOST_AUTO_TEST_CASE(claims_that_the_weights_do_not_bear_out_are_refused) {
  const auto network = network_with(described(Norm::batch, false));
  for (const auto& [entry, value] : std::vector<std::pair<std::string, std::string>>{
           {"hidden=6-4", "hidden=6-5"},
           {"hidden=6-4", "hidden=6"},
           {"hidden=6-4", "hidden=1000000000-1000000000"},
           {"hidden=6-4", "hidden=6-4-1"},
           {"image=8x8", "image=1000000000x1000000000"},
           {"image=8x8", "image=8x7"},
           {"channels=none", "channels=1000000000-1000000000-1000000000"},
           {"channels=none", "channels=1-1-1-1-1-1-1"},
           {"norm=batch", "norm=none"},
           {"norm=batch", "norm=layer"},
           {"bias=not-before-norm", "bias=all"}}) {
    auto texts = texts_of(network.label);
    auto& text = texts["network"];
    BOOST_REQUIRE(text.find(entry) != std::string::npos);
    text.replace(text.find(entry), entry.size(), value);
    save_checkpoint(*network.network, file(), {.texts = texts});
    BOOST_TEST(refusal() != "", value);
    BOOST_TEST(refusal().find('\n') == std::string::npos, refusal());
  }
  auto texts = texts_of(network.label);
  auto& text = texts["network"];
  text.replace(text.find("classes=3"), 9, "classes=4");
  texts["class_names"] = R"(["0","1","2","3"])";
  save_checkpoint(*network.network, file(), {.texts = texts});
  BOOST_TEST(refusal() != "");
}

BOOST_AUTO_TEST_CASE(weights_of_another_type_are_refused) {
  Network network{options_of(described(Norm::none, false))};
  initialize(network, Rng{1}, DType::f64);
  save_checkpoint(network, file(), {.texts = texts_of(network_with(described(Norm::none, false)).label)});
  BOOST_TEST(refusal().find("f64") != std::string::npos, refusal());
}

BOOST_AUTO_TEST_CASE(texts_must_not_be_called_as_others_are) {
  const auto network = network_with(described(Norm::batch, false));
  for (const char* name : {"format", "checksum", "bn1.epsilon", "training/step"})
    BOOST_CHECK_THROW(save_checkpoint(*network.network, file(), {.texts = {{name, "x"}}}), Error);
  save_checkpoint(*network.network, file(), {.texts = {{"mine", "x \"y\" \n \xC3\xA4"}}});
  BOOST_TEST(checkpoint_texts(file()).at("mine") == "x \"y\" \n \xC3\xA4");
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace keel::test
