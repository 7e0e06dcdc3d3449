#pragma once

#include <concepts>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "keel/models/parameter.hpp"
#include "keel/models/settings.hpp"
#include "keel/models/training_state.hpp"

namespace keel {

// Checkpoints are files of the format "safetensors", described in models/safetensors.hpp, which other
// programs read as well: the values of each parameter by its path, and the settings of layers as texts. A
// checksum tells a file that was damaged. For what training goes on from, see models/training_state.hpp.

/// By what names parameters stand in a file.
enum class Names : std::uint8_t {
  keel,  ///< their paths: "fc1.weights", "bn1.gamma", "bn1.running_variance", "bn1.updates"
  /// what PyTorch's layers call them: "fc1.weight", "bn1.weight", "bn1.bias", "bn1.running_var",
  /// "bn1.num_batches_tracked" (I64). `safetensors.torch.load_file` reads such a file for `load_state_dict`, and
  /// the reverse. Values mean the same in both. What PyTorch does not keep, dropout's random streams, is left out.
  pytorch,
};

struct SaveOptions {
  Names names = Names::keel;
  /// What else the file is to say of itself in its `__metadata__`, by name, such as what network it is. Names
  /// must not be those of settings, or begin with "training/".
  std::map<std::string, std::string> texts = {};
};

/// Which arrays of a file become which parameters.
struct LoadOptions {
  Names names = Names::keel;
  /// Only arrays whose names begin with it, such as "backbone.", and without it; others are not looked at.
  std::string prefix = {};
  /// Names, or what they begin with up to a dot, and what stands in their place: {{"encoder", "backbone"}} makes
  /// "encoder.fc1.weights" "backbone.fc1.weights". Nothing in its place takes the beginning away with its dot.
  std::map<std::string, std::string> renamed = {};
  /// After these, any other way to rename arrays, and settings of layers with them, such as "bn1.epsilon"; an
  /// empty name leaves the array, or the setting, aside.
  std::function<std::string(const std::string& name)> rename = {};
  /// Whether everything must fit; else what does is loaded, and the report says the rest.
  bool strict = true;
};

/// What was made of a file. Paths are the model's, names the file's.
struct LoadReport {
  struct Difference {
    std::string path;
    std::string in_file;
    std::string in_model;
  };
  std::vector<std::string> loaded;         ///< paths of parameters that have the file's values now
  std::vector<std::string> missing;        ///< paths that the file has no array for
  std::vector<std::string> left_over;      ///< names of arrays that the model has no parameter for
  std::vector<Difference> of_other_type;   ///< of another shape or element type, and not loaded
  std::vector<Difference> other_settings;  ///< such as batch norm's epsilon; the model's stay

  /// Whether nothing was missing, left over or different.
  [[nodiscard]] bool complete() const;
  /// All of it in a few lines, to be printed.
  [[nodiscard]] std::string text() const;
};

/// `save_checkpoint` and `load_checkpoint` of a model given by its parameters and settings.
void save_checkpoint(std::span<const NamedParameter> parameters, std::span<const NamedSetting> settings,
                     const std::filesystem::path& path, const SaveOptions& options = {});
LoadReport load_checkpoint(std::span<const NamedParameter> parameters, std::span<const NamedSetting> settings,
                           const std::filesystem::path& path, const LoadOptions& options = {});

/// Writes the values of all of the model's parameters, batch norm's statistics and their count among them,
/// and the settings of its layers into a file. The file is there whole or not at all: it is written under
/// another name beside it, flushed to disk and renamed. Throws Error when the model has no values yet, when
/// two of its parameters or settings have one path, or when the file can't be written.
template <class Model>
requires(!std::same_as<Model, TrainingState>) void save_checkpoint(Model& model,
                                                                   const std::filesystem::path& path,
                                                                   const SaveOptions& options = {}) {
  save_checkpoint(parameters(model), settings(model), path, options);
}

/// Reads them back, into the memory that the model has, so that compiled steps go on with the new values; a
/// model without values gets memory of the file's element type. Evaluation is then that of the model that was
/// saved, bit for bit. Arrays of I64 are read as s32, f32 or f64, those of F16 and BF16 as f32. Throws Error,
/// naming the file and the parameter or setting, when the file can't be read, is damaged or not of this
/// format, or doesn't fit: other parameters, shapes, element types, or another value for a setting (settings
/// that the file doesn't mention are not compared). Where the options are not strict, what doesn't fit is
/// reported instead, but a parameter that has no values and gets none is an Error still. After one the model
/// is as it was.
template <class Model>
requires(!std::same_as<Model, TrainingState>) LoadReport
    load_checkpoint(Model& model, const std::filesystem::path& path, const LoadOptions& options = {}) {
  return load_checkpoint(parameters(model), settings(model), path, options);
}

/// All that a file of the format says of itself in its `__metadata__`: the settings of a model's layers, and
/// what `SaveOptions::texts` gave it. Throws Error when it can't be read or is damaged.
std::map<std::string, std::string> checkpoint_texts(const std::filesystem::path& path);

}  // namespace keel
