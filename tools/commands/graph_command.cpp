#include "keel/tools/commands/graph_command.hpp"

#include <fmt/format.h>

#include <array>
#include <vector>

#include "keel/graph/dot.hpp"
#include "keel/graph/gradients.hpp"
#include "keel/models/initialize.hpp"
#include "keel/models/sgd.hpp"
#include "keel/ops/cross_entropy.hpp"
#include "keel/ops/fusion_rules.hpp"
#include "keel/tools/bench/cases.hpp"
#include "keel/tools/runs/earlier_results.hpp"
#include "keel/tools/system/output_folder.hpp"
#include "keel/tools/system/outside_program.hpp"

namespace keel::tools {
namespace {

namespace fs = std::filesystem;

// Records what is to be drawn and returns its output. Parameters are put on the tape by their paths first,
// since layers know their own part of these alone.
Var record(Mlp& model, Sgd& sgd, Tape& tape, const MlpOptions& network, std::int64_t batch_size) {
  std::vector<Var> trained;
  for (const auto& [path, parameter] : parameters(model)) {
    const Var value = tape.stored(parameter->value(), path);
    if (parameter->kind() == Parameter::Kind::trained) trained.push_back(value);
  }
  Var logits = model(tape.input(Shape{batch_size, network.inputs}, DType::f32, "images"));
  if (tape.mode() == Mode::inference) return logits;
  Var loss = cross_entropy(logits, tape.input(Shape{batch_size}, DType::s32, "labels"));
  sgd.update(trained, gradients(loss, trained));
  return loss;
}

// Writes NAME.dot and, where Graphviz is installed, NAME.svg; returns whether it is.
bool draw(OutputFolder& folder, const std::string& name, const std::string& dot) {
  const auto source = folder.write(name + ".dot", dot);
  fmt::print("{}\n", source.string());
  const auto ended = run_program({"dot", "-Tsvg", fs::absolute(source).string()});
  if (!ended) return false;
  if (ended->status != 0)
    throw Error{fmt::format("dot ended with status {} on '{}'", ended->status, source.string())};
  fmt::print("{}\n", folder.write(name + ".svg", ended->out).string());
  return true;
}

}  // namespace

ExitStatus draw_graph(const GraphOptions& options) {
  if (options.step && options.model == "bn" && options.batch_size == 1)
    throw UsageError{
        "a training step with batch norm takes --batch-size 2 or more: of one image there is no variance"};
  const fs::path path = options.out.empty() ? default_output_folder("graph") : fs::path{options.out};
  if (options.force) remove_earlier_results(path);
  OutputFolder folder{path, options.force};
  const auto network = bench_network(options.model);
  Mlp model{network};
  initialize(model, Rng{1});
  Sgd sgd{{.momentum = 0.9}};
  Tape tape{options.step ? Mode::training : Mode::inference};
  const Var output = record(model, sgd, tape, network, options.batch_size);
  const Plan plan{tape, std::span{&output, 1}, {.rules = fusion_rules()}};

  DotOptions dot;
  if (options.step) dot.loss = output.id();
  const auto what = fmt::format("{}, {}, batch {}", options.model,
                                options.step ? "training step" : "inference", options.batch_size);
  fmt::print("{}: {} operators recorded, compiled to {} kernels over an arena of {} bytes\n", what,
             tape.program().nodes.size(), plan.steps().size(), plan.arena_bytes());
  dot.title = what + ", as recorded";
  const std::array outputs{output.id()};
  const bool drawn = draw(folder, "recorded", to_dot(tape.program(), outputs, dot));
  dot.title = what + ", as compiled";
  draw(folder, "compiled", to_dot(plan, dot));
  if (drawn) return ExitStatus::done;
  fmt::print(stderr,
             "keel: there is no SVG, since Graphviz is not installed; with it: dot -Tsvg -O '{}'/*.dot\n",
             path.string());
  return ExitStatus::done;
}

}  // namespace keel::tools
