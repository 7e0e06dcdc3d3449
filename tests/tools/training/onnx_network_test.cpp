// What is read of ONNX files besides their weights: sizes, classes, grounds, logits, numbers of images.

#include <fstream>

#include "../../support/random_tensor.hpp"
#include "../../support/trained_folder.hpp"
#include "keel/models/initialize.hpp"
#include "keel/models/onnx.hpp"
#include "keel/models/onnx/file.hpp"
#include "keel/models/training_step.hpp"
#include "keel/tools/data/png.hpp"
#include "keel/tools/system/exit_status.hpp"
#include "keel/tools/training/classifier.hpp"

namespace keel::test {
namespace {

struct OnnxFiles : TrainedFolder {
  // Where keel was built without ONNX, other tests say what it says.
  static bool is_there() {
    try {
      onnx::require_protobuf();
      return true;
    } catch (const Error&) {
      return false;
    }
  }

  // From 4 pixels to 4 classes, for so many images (-1: any), by these operators.
  tools::Classifier classifier_of(std::vector<onnx::FileNode> nodes, std::vector<std::string> outputs,
                                  std::int64_t batch = -1) const {
    onnx::FileGraph graph;
    graph.inputs = {{"x", onnx::Element::f32, true, {batch, 4}}};
    for (const auto& output : outputs) graph.outputs.push_back({output, onnx::Element::f32, false, {}});
    graph.nodes = std::move(nodes);
    const std::vector<std::int64_t> one{1, 4};
    graph.initializers = {
        {"one", onnx::Element::s64, {2}, {reinterpret_cast<const char*>(one.data()), 2 * sizeof one[0]}}};
    std::ofstream{*this / "made.onnx", std::ios::binary} << onnx::serialized(graph);
    return tools::load_classifier(*this / "made.onnx");
  }
  static std::vector<float> logits_of(const tools::Classifier& classifier, std::int64_t images) {
    auto model = classifier.model;
    Inference infer{model};
    const Tensor logits = infer(random_tensor({images, 4}, 1));
    return {logits.data<float>().begin(), logits.data<float>().end()};
  }
};

BOOST_FIXTURE_TEST_SUITE(onnx_network, OnnxFiles)

// 12 x 6 pixels, dark on light, classes with names of their own.
BOOST_AUTO_TEST_CASE(an_onnx_file_says_what_its_images_are) {
  if (!is_there()) return;
  tools::LabelledNetwork source{.label = {.network = {.height = 12, .width = 6, .hidden = {5}, .classes = 3},
                                          .class_names = {"ape", "b\"ee", "c\xC3\xA4t"},
                                          .light_background = true},
                                .network = std::make_unique<tools::Network>(tools::NetworkOptions{
                                    .inputs = 72, .height = 12, .hidden = {5}, .classes = 3})};
  initialize(*source.network, Rng{1});
  tools::save_network(source, *this / "wide.safetensors");
  // By what they hold, not by their names.
  BOOST_REQUIRE(run("export wide.safetensors --onnx wide").status == 0);
  BOOST_REQUIRE(run("import wide --out back.onnx").status == 0);
  tools::write_png(*this / "x.png", {12, 6, std::vector<std::uint8_t>(72, 200)});
  const auto expected = run("predict wide.safetensors x.png --top 3");
  BOOST_TEST(expected.err == "");
  for (const char* file : {"wide", "back.onnx"}) {
    const auto classifier = tools::load_classifier(*this / file);
    BOOST_TEST(classifier.height == 12);
    BOOST_TEST(classifier.width == 6);
    BOOST_TEST((classifier.light_background == std::optional{true}));
    BOOST_TEST((classifier.class_names == source.label.class_names));
    const auto finished = run(fmt::format("predict {} x.png --top 3", file));
    BOOST_TEST(finished.out == expected.out);
    BOOST_TEST(finished.err == "");
  }
  BOOST_TEST(content("wide").find("(byte / 255 - 0.5) / 0.5") != std::string::npos);
  // Without that: no image, and no picture is inverted.
  export_onnx(*source.network, Shape{72}, *this / "bare.onnx");
  check_fails("predict bare.onnx x.png", 3, {"takes 72 pixels", "no square", "keel.image"});
  export_onnx(*source.network, Shape{72}, *this / "some.onnx", {.texts = {{"keel.image", "12x6"}}});
  const auto unknown = run("predict some.onnx x.png --top 3");
  BOOST_TEST(unknown.status == 0);
  BOOST_TEST(unknown.err.find("not inverted") != std::string::npos, unknown.err);
  for (const char* image : {"6x6", "x", "12x", "0x72", "9x8x1", "72"}) {
    export_onnx(*source.network, Shape{72}, *this / "some.onnx", {.texts = {{"keel.image", image}}});
    check_fails("predict some.onnx x.png", 3, {"some.onnx"});
  }
}

BOOST_AUTO_TEST_CASE(logits_are_known_by_the_node_that_makes_the_output) {
  if (!is_there()) return;
  const onnx::FileNode relu{"Relu", "", {"x"}, {"z"}, {}};
  const onnx::FileNode softmax{"Softmax", "", {"z"}, {"p"}, {{"axis", std::int64_t{1}}}};
  const onnx::FileNode same{"Identity", "", {"p"}, {"q"}, {}};
  const onnx::FileNode flat{"Flatten", "", {"q"}, {"r"}, {}};
  const onnx::FileNode sum{"ReduceSum", "", {"x"}, {"s"}, {{"keepdims", std::int64_t{0}}}};
  const auto expected = logits_of(classifier_of({relu}, {"z"}), 5);
  for (const auto& outputs : std::vector<std::vector<std::string>>{
           {"z"}, {"p"}, {"q"}, {"r"}, {"z", "p"}, {"p", "z"}, {"s", "z"}, {"s", "p"}})
    BOOST_TEST((logits_of(classifier_of({relu, softmax, same, flat, sum}, outputs), 5) == expected));
  const onnx::FileNode across{"Softmax", "", {"z"}, {"p"}, {{"axis", std::int64_t{0}}}};
  BOOST_CHECK_THROW((void)classifier_of({relu, across}, {"p"}), tools::DataError);
}

BOOST_AUTO_TEST_CASE(files_for_a_fixed_number_of_images_are_given_as_many) {
  if (!is_there()) return;
  const onnx::FileNode relu{"Relu", "", {"x"}, {"z"}, {}};
  const auto expected = logits_of(classifier_of({relu}, {"z"}), 2);
  const auto three = classifier_of({relu}, {"z"}, 3);
  BOOST_TEST(three.largest_batch == 3);
  BOOST_TEST((logits_of(three, 2) == expected));
  BOOST_TEST(classifier_of({relu}, {"z"}, 1).largest_batch == 1);
  // What the file does not say.
  const onnx::FileNode reshape{"Reshape", "", {"x", "one"}, {"y"}, {}};
  const onnx::FileNode behind{"Relu", "", {"y"}, {"z"}, {}};
  BOOST_TEST(classifier_of({reshape, behind}, {"z"}).largest_batch == 1);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace keel::test
