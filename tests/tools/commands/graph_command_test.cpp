#include <fmt/format.h>

#include <boost/property_tree/xml_parser.hpp>
#include <boost/test/unit_test.hpp>
#include <fstream>
#include <sstream>

#include "../../support/process.hpp"

namespace keel::test {
namespace {

namespace fs = std::filesystem;

// The texts that an SVG shows, a line each. Throws when it is not well-formed.
std::string texts_in(const fs::path& svg) {
  std::istringstream stream{read_file(svg)};
  boost::property_tree::ptree tree;
  boost::property_tree::read_xml(stream, tree);
  std::string result;
  const std::function<void(const boost::property_tree::ptree&)> collect = [&](const auto& parent) {
    for (const auto& [name, child] : parent) {
      if (name == "text") result += child.data() + '\n';
      collect(child);
    }
  };
  collect(tree);
  return result;
}

void check_contains(const std::string& text, std::initializer_list<const char*> parts) {
  for (const auto* part : parts)
    BOOST_TEST(text.find(part) != std::string::npos, part << " is not in " << text);
}

BOOST_AUTO_TEST_SUITE(graph_command)

BOOST_AUTO_TEST_CASE(draws_a_training_step) {
  const TemporaryFolder folder;
  const auto finished = run_keel("graph --model bn --step --batch-size 32 --out pictures", folder.path());
  BOOST_REQUIRE_MESSAGE(finished.status == 0, finished.err);
  BOOST_TEST(finished.err == "");
  std::istringstream lines{finished.out};
  std::string line;
  std::getline(lines, line);
  BOOST_TEST(line.starts_with("bn, training step, batch 32: "), line);
  for (const auto* name : {"recorded.dot", "recorded.svg", "compiled.dot", "compiled.svg"}) {
    std::getline(lines, line);
    BOOST_TEST(line == fmt::format("pictures/{}", name));
    BOOST_TEST(fs::file_size(folder.path() / line) > 0U);
  }
  BOOST_TEST(!std::getline(lines, line));

  check_contains(texts_in(folder.path() / "pictures/recorded.svg"),
                 {"bn, training step, batch 32, as recorded\n", "forward\n", "backward\n", "update\n",
                  "legend\n", "images\n", "f32 (32, 784)\n",
                  "fc1.weights \xC2\xA0"
                  "f32 (128, 784)\n",
                  "batch_norm\n", "relu\n", "graph_command.cpp:", "batch_norm_backward\n", "bn1.running_mean",
                  "sgd_update\n", "output 0\n"});
  check_contains(texts_in(folder.path() / "pictures/compiled.svg"),
                 {"bn, training step, batch 32, as compiled\n", " kernels, arena of ", "batch_norm+relu\n",
                  "matmul+velocity\n", "nll_backward+log_softmax_backward\n", "f32 (32, 128)\n", "@",
                  ", 16384 B\n", "loop\n", "output 0\n"});
}

BOOST_AUTO_TEST_CASE(draws_inference_and_what_is_in_place) {
  const TemporaryFolder folder;
  BOOST_TEST(run_keel("graph --model plain --out one", folder.path()).status == 0);
  const auto inference = texts_in(folder.path() / "one/compiled.svg");
  check_contains(inference, {"plain, inference, batch 64, as compiled\n", "relu\n"});
  for (const auto* part : {"backward\n", "sgd_update\n", "labels\n"})
    BOOST_TEST(inference.find(part) == std::string::npos, part);
  BOOST_TEST(run_keel("graph --model plain --step --out two", folder.path()).status == 0);
  check_contains(texts_in(folder.path() / "two/compiled.svg"),
                 {"32768 B, in place\n", "relu_backward+sum_to\n"});
}

BOOST_AUTO_TEST_CASE(a_folder_of_its_own_by_default) {
  const TemporaryFolder folder;
  const auto finished = run_keel("graph", folder.path());
  BOOST_TEST(finished.status == 0, finished.err);
  BOOST_TEST(finished.out.find("\nruns/graph-2") != std::string::npos, finished.out);
}

BOOST_AUTO_TEST_CASE(without_graphviz_says_how_to_get_pictures) {
  const TemporaryFolder folder;
  const auto finished = run_command(
      fmt::format("PATH=/nonexistent '{}' graph --out pictures", std::getenv("KEEL_PROGRAM")), folder.path());
  BOOST_TEST(finished.status == 0);
  check_contains(finished.err, {"Graphviz is not installed", "dot -Tsvg -O 'pictures'/*.dot"});
  BOOST_TEST(finished.out.find(".svg") == std::string::npos, finished.out);
  for (const auto* name : {"recorded.dot", "compiled.dot"})
    BOOST_TEST(fs::file_size(folder.path() / "pictures" / name) > 0U);
  // As it says.
  BOOST_TEST(run_command("dot -Tsvg -O 'pictures'/*.dot", folder.path()).status == 0);
  check_contains(texts_in(folder.path() / "pictures/compiled.dot.svg"), {"linear\n"});
}

BOOST_AUTO_TEST_CASE(a_failure_of_dot_is_told) {
  const TemporaryFolder folder;
  std::ofstream{folder.path() / "dot"} << "#!/bin/sh\nexit 3\n";
  fs::permissions(folder.path() / "dot", fs::perms::owner_all);
  const auto finished = run_command(
      fmt::format("PATH=.:$PATH '{}' graph --out pictures", std::getenv("KEEL_PROGRAM")), folder.path());
  BOOST_TEST(finished.status == 1);
  check_contains(finished.err, {"dot ended with status 3 on 'pictures/recorded.dot'"});
}

BOOST_AUTO_TEST_CASE(what_can_not_be_drawn_is_told) {
  const TemporaryFolder folder;
  BOOST_TEST(run_keel("graph --model nothing", folder.path()).status == 2);
  BOOST_TEST(run_keel("graph --batch-size 0", folder.path()).status == 2);
  const auto one = run_keel("graph --model bn --step --batch-size 1 --out pictures", folder.path());
  BOOST_TEST(one.status == 2);
  check_contains(one.err, {"takes --batch-size 2 or more"});
  BOOST_TEST(!fs::exists(folder.path() / "pictures"));  // no empty folder is left
  std::ofstream{folder.path() / "file"} << "x";
  BOOST_TEST(run_keel("graph --out .", folder.path()).status == 2);
  BOOST_TEST(run_keel("graph --out file/pictures", folder.path()).status == 1);
  BOOST_TEST(run_keel("graph --out . --force", folder.path()).status == 0);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace keel::test
