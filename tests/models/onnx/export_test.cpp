// What is exported is the network: for any number of samples, read by keel and by others.

#include <fmt/format.h>

#include <boost/test/unit_test.hpp>
#include <set>
#include <string>
#include <vector>

#include "../../support/checkpoint_support.hpp"
#include "../../support/ops_support.hpp"
#include "../../support/process.hpp"
#include "../../support/random_tensor.hpp"
#include "keel/models/onnx.hpp"
#include "keel/models/onnx/file.hpp"
#include "networks.hpp"

namespace {

using namespace keel;
using namespace keel::test;

constexpr std::array<std::int64_t, 3> batches{1, 7, 64};

// A network whose statistics are not those that it began with.
template <class Network>
Network trained() {
  Network network;
  initialize(network, Rng{1});
  std::uint64_t seed = 100;
  for (const auto& [path, parameter] : parameters(network)) {
    if (parameter->value().dtype() != DType::f32) continue;
    for (auto& value : parameter->value().template data<float>()) {
      const auto drawn = random_tensor({1}, ++seed).data<float>()[0];
      value = path.ends_with("variance") ? 0.5F + drawn * drawn : value + 0.1F * drawn;
    }
  }
  return network;
}

Shape batch_of(std::int64_t samples, const Shape& sample) {
  auto extents = Shape{sample}.extents();
  extents.insert(extents.begin(), samples);
  return Shape{extents};
}

void write_raw(const std::filesystem::path& path, const Tensor& tensor) {
  write(path, {reinterpret_cast<const char*>(tensor.bytes()), tensor.type().bytes()});
}

// Exports, reads back, exports again; leaves the batches and logits in `folder` for others.
template <class Network>
void exchange(const std::filesystem::path& folder, const std::string& name, const Shape& sample,
              bool fold = false) {
  auto network = trained<Network>();
  const auto path = folder / (name + ".onnx");
  export_onnx(network, sample, path, {.fold = fold});
  auto loaded = load_onnx(path);
  Inference expected{network};
  Inference actual{loaded};
  for (const auto samples : batches) {
    const Tensor batch = random_tensor(batch_of(samples, sample), static_cast<std::uint64_t>(samples));
    const Tensor logits = expected(batch).clone();
    BOOST_TEST(within(values(actual(batch)), values(logits), 1e-5), name << " of " << samples);
    write_raw(folder / fmt::format("{}-{}.input", name, samples), batch);
    write_raw(folder / fmt::format("{}-{}.output", name, samples), logits);
  }
  write(folder / (name + ".sample"), fmt::format("{}", fmt::join(Shape{sample}.extents(), " ")));
  const auto again = folder / "again";
  export_onnx(loaded, sample, again);
  auto twice = load_onnx(again);
  Inference repeated{twice};
  const Tensor batch = random_tensor(batch_of(7, sample), 7);
  BOOST_TEST((values(repeated(batch)) == values(actual(batch))), name);
  if (fold) return;
  std::set<std::string> paths, loaded_paths;
  for (const auto& [parameter, value] : parameters(network))
    if (value->kind() != Parameter::Kind::state) paths.insert(parameter);
  for (const auto& [parameter, value] : parameters(loaded)) loaded_paths.insert(parameter);
  BOOST_TEST(paths == loaded_paths, boost::test_tools::per_element());
}

void exchange_all(const std::filesystem::path& folder) {
  exchange<PlainMlp>(folder, "plain", {12});
  exchange<NormalizedMlp>(folder, "normalized", {12});
  exchange<NormalizedMlp>(folder, "normalized-folded", {12}, true);
  exchange<SmallCnn>(folder, "cnn", {2, 12, 12});
  exchange<SmallCnn>(folder, "cnn-folded", {2, 12, 12}, true);
  exchange<ResidualNet>(folder, "residual", {2, 8, 8});
  exchange<ResidualNet>(folder, "residual-folded", {2, 8, 8}, true);
  exchange<AttentionBlock>(folder, "attention", {4, 6});
  exchange<GatedUnit>(folder, "gated", {4, 3});
  exchange<Medley>(folder, "medley", {12});
}

// Debian's Python has its package, another one of the same name may not.
std::string python_with_onnx(const std::filesystem::path& folder) {
  for (const auto* python : {"python3", "/usr/bin/python3"})
    if (run_command(fmt::format("{} -c 'import onnx, numpy'", python), folder).status == 0) return python;
  return "";
}

}  // namespace

BOOST_FIXTURE_TEST_SUITE(onnx_export_test, Folder)

BOOST_AUTO_TEST_CASE(networks_come_back_and_others_read_them) {
  exchange_all(path);
  const auto python = python_with_onnx(path);
  if (python.empty()) {
    BOOST_TEST_MESSAGE("python3 has no onnx here: not tried with ONNX itself");
    return;
  }
  const auto script = source_root() / "tests/models/onnx/onnx_exchange.py";
  for (const auto* task : {"check", "run"}) {
    const auto done = run_command(fmt::format("{} '{}' {} .", python, script.string(), task), path);
    BOOST_TEST(done.status == 0, done.out << done.err);
    BOOST_TEST_MESSAGE(done.out);
  }
}

BOOST_AUTO_TEST_SUITE_END()
