// Files that are wrong, damaged or made to do harm: each is one sentence.

#include <fmt/format.h>

#include <boost/test/unit_test.hpp>
#include <cmath>
#include <cstring>
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
using onnx::FileGraph;
using onnx::FileNode;

struct Files : Folder {
  [[nodiscard]] std::filesystem::path file() const { return path / "m.onnx"; }

  // Loads this graph and applies it to f32 (2, 3).
  void use(const FileGraph& graph) const {
    write(file(), onnx::serialized(graph));
    use_file();
  }
  void use_file() const {
    const auto model = load_onnx(file());
    Tape tape{Mode::inference};
    model(tape.input({2, 3}));
  }
  [[nodiscard]] bool refuses(const FileGraph& graph, std::initializer_list<std::string_view> parts) const {
    return static_cast<bool>(throws_with<Error>([&] { use(graph); }, parts));
  }
};

FileGraph graph_of(std::vector<FileNode> nodes) {
  FileGraph graph;
  graph.inputs = {{"x", Element::f32, true, {-1, 3}}};
  graph.outputs = {{"y", Element::f32, false, {}}};
  graph.nodes = std::move(nodes);
  return graph;
}

onnx::Array array(const std::string& name, std::vector<std::int64_t> extents, std::size_t bytes) {
  return {name, Element::f32, std::move(extents), std::string(bytes, '\0')};
}

std::string varint(std::uint64_t value) {
  std::string text;
  for (; value > 0x7FU; value >>= 7U) text += static_cast<char>((value & 0x7FU) | 0x80U);
  return text + static_cast<char>(value);
}

// A field of protobuf: its number, and bytes, or a number.
std::string field(std::uint64_t number, const std::string& bytes) {
  return varint(number << 3U | 2U) + varint(bytes.size()) + bytes;
}
std::string field(std::uint64_t number, std::uint64_t value) {
  return varint(number << 3U) + varint(value);
}

// A network that gives back its initializer, which is the protobuf message `tensor`.
std::string with_initializer(const std::string& tensor) {
  const auto graph = field(5, tensor) + field(12, field(1, std::string{"w"}));
  return field(1, 8) + field(7, graph) + field(8, field(1, std::string{}) + field(2, 17));
}

}  // namespace

BOOST_FIXTURE_TEST_SUITE(onnx_refused_files_test, Files)

BOOST_AUTO_TEST_CASE(graphs_that_make_no_sense) {
  const FileNode good{"Relu", "r", {"x"}, {"y"}, {}};
  use(graph_of({good}));
  BOOST_TEST(refuses(graph_of({{"Relu", "r", {"z"}, {"y"}, {}}}),
                     {"m.onnx", "'r' (Relu)", "reads 'z'", "nothing before it"}));
  BOOST_TEST(refuses(graph_of({{"Add", "a", {"x", "b"}, {"y"}, {}}, {"Neg", "n", {"y"}, {"b"}, {}}}),
                     {"reads 'b'"}));  // a cycle
  BOOST_TEST(refuses(graph_of({good, good}), {"two of its values are called 'y'"}));
  BOOST_TEST(refuses(graph_of({{"Relu", "r", {"x", "x"}, {"y"}, {}}}), {"'r' (Relu) has 2 inputs"}));
  BOOST_TEST(refuses(graph_of({{"Add", "a", {"x"}, {"y"}, {}}}), {"'a' (Add) has 1 input"}));
  BOOST_TEST(refuses(graph_of({{"Add", "a", {"x", ""}, {"y"}, {}}}), {"'a' (Add)", "lacks its input 1"}));
  BOOST_TEST(refuses(graph_of({{"Relu", "r", {"x"}, {"y", "z"}, {}}}), {"'r' (Relu) has 2 outputs"}));
  BOOST_TEST(refuses(graph_of({{"Relu", "r", {"x"}, {"z"}, {}}}), {"the output 'y'"}));
  BOOST_TEST(refuses(graph_of({{"Einsum", "e", {"x"}, {"y"}, {}}}),
                     {"m.onnx", "'e' (Einsum)", "keel has no operator Einsum"}));
  BOOST_TEST(refuses(graph_of({{"Softmax", "s", {"x"}, {"y"}, {{"axis", std::int64_t{7}}}}}),
                     {"m.onnx", "'s' (Softmax)"}));
  BOOST_TEST(refuses(graph_of({{"Softmax", "s", {"x"}, {"y"}, {{"axis", std::string{"last"}}}}}),
                     {"attribute 'axis' is of another type"}));
  BOOST_TEST(refuses(graph_of({{"Concat", "c", {"x", "x"}, {"y"}, {}}}), {"attribute 'axis' is missing"}));
  BOOST_TEST(
      refuses(graph_of({{"Clip", "c", {"x"}, {"y"}, {{"min", std::nanf("")}}}}), {"m.onnx", "'c' (Clip)"}));
  auto twice = graph_of({good});
  twice.initializers = {array("w", {2}, 8), array("w", {2}, 8)};
  BOOST_TEST(refuses(twice, {"two initializers are called 'w'"}));
  auto old = graph_of({good});
  old.opset = 5;
  BOOST_TEST(refuses(old, {"opset 5", "keel reads 6 to 22"}));
  auto fixed = graph_of({good});
  write(file(), onnx::serialized(fixed));
  BOOST_TEST(throws_with<Error>(
      [&] {
        load_onnx(file(), {.fixed_inputs = {{"q", random_tensor({2}, 1)}}});
      },
      {"no input 'q'"}));
}

// A few bytes may ask for much: what memory they get is counted beforehand.
BOOST_AUTO_TEST_CASE(networks_that_ask_for_too_much) {
  const auto integers = [](const std::string& name, std::vector<std::int64_t> numbers) {
    return onnx::Array{
        name,
        Element::s64,
        {static_cast<std::int64_t>(numbers.size())},
        {reinterpret_cast<const char*>(numbers.data()), numbers.size() * sizeof(std::int64_t)}};
  };
  const auto refuses_with = [&](std::vector<FileNode> nodes, onnx::Array array, const char* why) {
    auto graph = graph_of(std::move(nodes));
    graph.initializers = {std::move(array)};
    return refuses(graph, {"m.onnx", why});
  };
  constexpr auto huge = std::int64_t{1} << 40;
  const char* constants = "constants that the network asks for are too large";
  BOOST_TEST(
      refuses_with({{"ConstantOfShape", "", {"n"}, {"y"}, {}}}, integers("n", {huge, huge}), constants));
  BOOST_TEST(refuses_with({{"Tile", "", {"x", "n"}, {"y"}, {}}}, integers("n", {1, huge}), constants));
  BOOST_TEST(refuses_with({{"Expand", "", {"x", "n"}, {"y"}, {}}}, integers("n", {huge, 1, 1}), "too large"));
  BOOST_TEST(refuses_with({{"Pad", "", {"x", "n"}, {"y"}, {}}}, integers("n", {0, huge, 0, 0}), "too large"));
  BOOST_TEST(refuses_with({{"Reshape", "", {"x", "n"}, {"y"}, {}}}, integers("n", {huge, huge, huge}),
                          "too many elements"));
  BOOST_TEST(refuses_with({{"Shape", "", {"x"}, {"s"}, {}}, {"Gather", "", {"s", "n"}, {"y"}, {}}},
                          integers("n", {2}), "index 2"));
  auto zero = integers("n", {0});
  zero.extents = {};
  std::vector<FileNode> many{{"Constant", "", {}, {"end"}, {{"value_int", huge}}},
                             {"Constant", "", {}, {"step"}, {{"value_int", std::int64_t{1}}}},
                             {"Range", "", {"n", "end", "step"}, {"y"}, {}}};
  BOOST_TEST(refuses_with(many, zero, "too large"));
}

BOOST_AUTO_TEST_CASE(arrays_that_are_not_there) {
  const auto refuses_tensor = [&](const std::string& tensor, std::initializer_list<std::string_view> parts) {
    write(file(), with_initializer(tensor));
    return static_cast<bool>(throws_with<Error>([&] { load_onnx(file()); }, parts));
  };
  const auto name = field(8, std::string{"w"});
  const auto floats = field(2, 1);
  write(file(), with_initializer(name + floats + field(1, 2) + field(9, std::string(8, '\0'))));
  load_onnx(file());
  BOOST_TEST(refuses_tensor(name + floats + field(1, 2) + field(9, std::string(7, '\0')),
                            {"'w' has 7 bytes", "needs 8"}));
  BOOST_TEST(refuses_tensor(name + floats + field(1, 2) + field(4, std::string(4, '\0')),
                            {"'w' has 1 values", "needs 2"}));
  const auto huge = std::uint64_t{1} << 31U;
  BOOST_TEST(refuses_tensor(name + floats + field(1, huge) + field(1, huge),
                            {"'w' has more elements than any file holds"}));
  BOOST_TEST(refuses_tensor(name + floats + field(1, huge), {"'w' has 0 values"}));
  BOOST_TEST(refuses_tensor(name + floats + field(1, ~std::uint64_t{0}), {"negative extent"}));
  BOOST_TEST(refuses_tensor(name + field(2, 77) + field(1, 1), {"element type 77"}));
  std::string axes;
  for (int i = 0; i < 9; ++i) axes += field(1, 1);
  BOOST_TEST(refuses_tensor(name + floats + axes + field(9, std::string(4, '\0')), {"'w' has 9 axes"}));
}

BOOST_AUTO_TEST_CASE(values_in_other_files_stay_in_the_folder) {
  const auto text = [](const std::string& key, const std::string& value) {
    return field(13, field(1, key) + field(2, value));
  };
  const auto with = [&](const std::string& location, const std::string& offset) {
    const auto tensor = field(8, std::string{"w"}) + field(2, 1) + field(1, 2) + field(14, 1) +
                        text("location", location) + text("offset", offset);
    write(file(), with_initializer(tensor));
    load_onnx(file());
  };
  std::filesystem::create_directories(path / "weights");
  write(path / "weights/w.bin", std::string(16, '\0'));
  with("weights/w.bin", "8");
  const auto refused = [&](const std::string& location, const std::string& offset, const char* why) {
    return static_cast<bool>(throws_with<Error>([&] { with(location, offset); }, {"m.onnx", "'w'", why}));
  };
  BOOST_TEST(refused("weights/w.bin", "9", "shorter than the 8 bytes from byte 9"));
  BOOST_TEST(refused("weights/w.bin", "18446744073709551615", "shorter than"));
  BOOST_TEST(refused("weights/w.bin", "-1", "not a number"));
  BOOST_TEST(refused("weights/w.bin", "18446744073709551616", "not a number"));
  BOOST_TEST(refused("../w.bin", "0", "not a file in the folder"));
  BOOST_TEST(refused("weights/../../w.bin", "0", "not a file in the folder"));
  BOOST_TEST(refused("/etc/passwd", "0", "not a file in the folder"));
  BOOST_TEST(refused("", "0", "not a file in the folder"));
  BOOST_TEST(refused("none.bin", "0", "not there"));
  BOOST_TEST(refused("weights", "0", "not there"));
  std::filesystem::create_symlink("/etc/passwd", path / "link");
  BOOST_TEST(refused("link", "0", "a link out of the folder"));
}

BOOST_AUTO_TEST_CASE(files_that_are_none) {
  const auto refused = [&](const char* why) {
    return static_cast<bool>(throws_with<Error>([&] { load_onnx(file()); }, {"m.onnx", why}));
  };
  BOOST_TEST(refused("there is no such file"));
  std::filesystem::create_directory(file());
  BOOST_TEST(refused("there is no such file"));
  std::filesystem::remove(file());
  write(file(), "");
  BOOST_TEST(refused("no graph"));
  write(file(), "not a network");
  BOOST_TEST(refused("not an ONNX file"));
  std::string nested;
  for (int i = 0; i < 200; ++i)
    nested = field(5, field(6, field(1, nested)));  // graphs within attributes within nodes
  write(file(), field(7, field(1, nested)));
  BOOST_TEST(refused("not an ONNX file"));
  write(file(), field(7, field(1, field(4, std::string{"If"}) +
                                      field(5, field(1, std::string{"then_branch"}) + field(20, 5) +
                                                   field(6, std::string{})))) +
                    field(8, field(2, 17)));
  BOOST_TEST(refused("attribute 'then_branch' of an operator If is a graph"));
}

// No byte that is lost or changed does more than make the file another, or a wrong one.
BOOST_AUTO_TEST_CASE(damaged_files_never_do_harm) {
  SmallCnn network;
  initialize(network, Rng{1});
  export_onnx(network, {2, 6, 6}, file());
  const auto whole = read(file());
  Rng random{1};
  int refused = 0;
  const auto attempt = [&](const std::string& content) {
    write(file(), content);
    try {
      const auto model = load_onnx(file());
      Tape tape{Mode::inference};
      model(tape.input({2, 2, 6, 6}));
    } catch (const Error&) {
      ++refused;
    }
  };
  for (std::size_t size = 0; size < whole.size(); size += 97) attempt(whole.substr(0, size));
  for (int i = 0; i < 1500; ++i) {
    auto content = whole;
    for (int k = 0; k < 1 + i % 3; ++k)
      content[random.below(content.size())] ^= static_cast<char>(1U << random.below(8));
    attempt(content);
  }
  BOOST_TEST(refused > 100);
}

BOOST_AUTO_TEST_SUITE_END()
