// The commands that train, test, apply and hand on one network.

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <memory>

#include "keel/runtime/threads.hpp"
#include "keel/tools/commands/command_line.hpp"
#include "keel/tools/commands/evaluate_command.hpp"
#include "keel/tools/commands/export_command.hpp"
#include "keel/tools/commands/option_checks.hpp"
#include "keel/tools/commands/over_ranks.hpp"
#include "keel/tools/commands/predict_command.hpp"
#include "keel/tools/commands/train_command.hpp"

namespace keel::tools {
namespace {

void add_network_options(CLI::App& command, TrainOptions& options) {
  command
      .add_option("--model", options.model,
                  "plain (784-128-10, by the data), bn (the same with batch norm), cnn (two convolutions, "
                  "batch norm), or the sizes of all layers: mlp:784-256-10")
      ->type_name("NETWORK")
      ->capture_default_str();
  command
      .add_option(
          "--norm", options.norm,
          "what normalizes each hidden layer; group: 8 groups, or as many as divide it; sync-batch: batch "
          "norm by the statistics of all ranks [the model's own]")
      ->type_name("NORM")
      ->check(one_of({"none", "batch", "sync-batch", "layer", "group"}));
  command.add_option("--activation", options.activation, "behind each hidden layer")
      ->type_name("FUNCTION")
      ->check(one_of({"relu", "tanh", "sigmoid", "gelu"}))
      ->capture_default_str();
  command
      .add_option("--dropout", options.dropout,
                  "share of units left out behind each fully connected hidden layer")
      ->type_name("P")
      ->check(number_between(0.0, 0.999))
      ->capture_default_str();
}

void add_optimizer_options(CLI::App& command, TrainOptions& options) {
  command
      .add_option("--optimizer", options.optimizer,
                  "sgd has momentum; the weight decay of adam goes through its moments, "
                  "that of adamw does not")
      ->type_name("NAME")
      ->check(one_of({"sgd", "adam", "adamw"}))
      ->capture_default_str();
  command
      .add_option("--learning-rate", options.learning_rate, "per step, highest [0.01; adam, adamw: 0.001]")
      ->type_name("RATE")
      ->check(number_between(0.0, 1e6));
  command.add_option("--momentum", options.momentum, "of SGD, at least 0 and below 1 [0.9]")
      ->type_name("M")
      ->check(number_between(0.0, 0.999999));
  command
      .add_option("--weight-decay", options.weight_decay,
                  "of weights; biases and norms don't decay [0; adamw: 0.01]")
      ->type_name("W")
      ->check(number_between(0.0, 1e6));
  command
      .add_option("--schedule", options.schedule,
                  "step: a tenth of the rate in the second third of the steps, a hundredth "
                  "in the last; cosine: along half a cosine to 0")
      ->type_name("SHAPE")
      ->check(one_of({"constant", "step", "cosine"}))
      ->capture_default_str();
  command
      .add_option("--warm-up", options.warm_up,
                  "steps in which the rate grows evenly from nearly 0, before the schedule begins")
      ->type_name("N")
      ->check(whole_number(0, 1'000'000'000))
      ->capture_default_str();
  command.add_option("--clip", options.clip, "bound of the norm of all gradients together [none]")
      ->type_name("NORM")
      ->check(number_between(1e-12, 1e12));
  add_length_options(command, options.common.run, 100'000);
  command
      .add_option("--patience", options.patience,
                  "epochs without a lower validation loss before the end; 0 for any number")
      ->type_name("N")
      ->check(whole_number(0, 100'000))
      ->capture_default_str();
}

void add_threads_option(CLI::App& command, int& threads) {
  threads = available_processors();
  command.add_option("--threads", threads, "inside the run; results never depend on it")
      ->type_name("T")
      ->check(whole_number(1, 1024))
      ->capture_default_str();
}

void add_checkpoint_options(CLI::App& command, TrainOptions& options) {
  command
      .add_option("--checkpoint-every", options.checkpoint_every,
                  "epochs between checkpoints, or 500steps, or 30s")
      ->type_name("WHEN")
      ->capture_default_str();
  command.add_option("--keep", options.keep, "checkpoints to keep, the last ones")
      ->type_name("K")
      ->check(whole_number(1, 100'000))
      ->capture_default_str();
  command.add_flag(
      "--resume", options.resume,
      "go on, bit for bit, from the last checkpoint of the same command's last folder, or that of --out");
}

void add_file_argument(CLI::App& command, std::string& file, const std::string& what) {
  command.add_option("FILE", file, what)->required()->type_name("");
}

}  // namespace

void add_train_command(CLI::App& app, const Invocation& invocation, ExitStatus& status) {
  auto* command = app.add_subcommand(
      "train", "train one network and keep it in a folder, with checkpoints to resume from");
  const auto options = std::make_shared<TrainOptions>();
  add_network_options(*command, *options);
  add_data_option(*command, options->common.data);
  add_optimizer_options(*command, *options);
  add_seed_option(*command, options->common.seed,
                  "of the split, the weights, the order of samples and dropout");
  add_threads_option(*command, options->common.threads);
  command
      ->add_option(
          "--shards", options->shards,
          "cut each batch into so many parts, a power of two: any number of ranks that divides it then "
          "gives the same bits [none]")
      ->type_name("N")
      ->check(whole_number(1, 4096));
  add_checkpoint_options(*command, *options);
  add_result_options(*command, options->common);
  command->callback([options, &invocation, &status, command] {
    const bool threads_are_given = command->get_option("--threads")->count() > 0;
    status = over_ranks(options->common, threads_are_given, invocation,
                        [&] { return train_network(*options, invocation); });
  });
}

void add_evaluate_command(CLI::App& app, ExitStatus& status) {
  auto* command = app.add_subcommand(
      "evaluate",
      fmt::format("test a network on a data set's test images: loss, accuracy, confusion matrix, scores by "
                  "class, and the expected calibration error over {} bins",
                  calibration_bins));
  const auto options = std::make_shared<EvaluateOptions>();
  add_file_argument(*command, options->file, "network, of keel train, export or import, or .onnx");
  add_data_option(*command, options->data, "images to test on");
  add_threads_option(*command, options->threads);
  command->add_flag("--json", options->json, "print one JSON object instead");
  command->callback([options, &status] { status = evaluate_network(*options); });
}

void add_predict_command(CLI::App& app, ExitStatus& status) {
  auto* command = app.add_subcommand("predict", "print the most likely classes of images");
  const auto options = std::make_shared<PredictOptions>();
  add_file_argument(*command, options->file, "network, of keel train, export or import, or .onnx");
  command
      ->add_option("IMAGE", options->images,
                   "PNG files of any size, scaled to the network's, or IDX files of images")
      ->required()
      ->type_name("");
  command->add_option("--top", options->top, "classes to print")
      ->type_name("K")
      ->check(whole_number(1, 1'000'000))
      ->capture_default_str();
  command
      ->add_option("--invert", options->invert,
                   "black for white; auto: where the ground is light and that of the training "
                   "images was dark, or the reverse")
      ->type_name("WHEN")
      ->check(one_of({"auto", "always", "never"}))
      ->capture_default_str();
  command->add_flag("--json", options->json, "print one JSON array instead");
  command->callback([options, &status] { status = predict_images(*options); });
}

void add_export_command(CLI::App& app, ExitStatus& status) {
  auto* command = app.add_subcommand("export", "write a network for other programs");
  const auto options = std::make_shared<ExportOptions>();
  add_file_argument(*command, options->file, "network, of keel train, export or import");
  command
      ->add_option(
          "--onnx", options->onnx,
          "ONNX file to write, opset 17, for batches of any size, of pixels (byte / 255 - 0.5) / 0.5")
      ->type_name("OUT");
  command->add_option("--safetensors", options->safetensors, "safetensors file to write")->type_name("OUT");
  command->add_flag("--fold", options->fold, "fold each batch norm into the layer before");
  command
      ->add_option("--names", options->names,
                   "of the arrays in --safetensors; torch: for load_state_dict, with the biases "
                   "that PyTorch's layers have by default")
      ->type_name("NAMES")
      ->check(one_of({"keel", "torch"}))
      ->capture_default_str();
  command->callback([options, &status] { status = export_network(*options); });
}

void add_import_command(CLI::App& app, ExitStatus& status) {
  auto* command = app.add_subcommand("import", "write the network of an ONNX file as one of keel's own");
  const auto options = std::make_shared<ImportOptions>();
  add_file_argument(*command, options->file, "ONNX file");
  command->add_option("--out", options->out, "safetensors file to write")->type_name("FILE")->required();
  command->callback([options, &status] { status = import_network(*options); });
}

}  // namespace keel::tools
