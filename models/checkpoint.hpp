#pragma once

#include <concepts>
#include <filesystem>
#include <span>

#include "keel/models/parameter.hpp"
#include "keel/models/settings.hpp"
#include "keel/models/training_state.hpp"

namespace keel {

// Checkpoints are files of the format "safetensors", described in models/safetensors.hpp, which other
// programs read as well: the values of each parameter by its path, and the settings of layers as texts. A
// checksum tells a file that was damaged. For what training goes on from, see models/training_state.hpp.

/// `save_checkpoint` and `load_checkpoint` of a model given by its parameters and settings.
void save_checkpoint(std::span<const NamedParameter> parameters, std::span<const NamedSetting> settings,
                     const std::filesystem::path& path);
void load_checkpoint(std::span<const NamedParameter> parameters, std::span<const NamedSetting> settings,
                     const std::filesystem::path& path);

/// Writes the values of all of the model's parameters, batch norm's statistics and their count among them,
/// and the settings of its layers into a file. The file is there whole or not at all: it is written under
/// another name beside it, flushed to disk and renamed. Throws Error when the model has no values yet, when two
/// of its parameters or settings have one path, or when the file can't be written.
template <class Model>
requires(!std::same_as<Model, TrainingState>) void save_checkpoint(Model& model,
                                                                   const std::filesystem::path& path) {
  save_checkpoint(parameters(model), settings(model), path);
}

/// Reads them back, into the memory that the model has, so that compiled steps go on with the new values; a
/// model without values gets memory of the file's element type. Evaluation is then that of the model that was
/// saved, bit for bit. Throws Error, naming the file and the parameter or setting, when the file can't be
/// read, is damaged or not of this format, or doesn't fit: other parameters, shapes, element types, or
/// another value for a setting (settings that the file doesn't mention are not compared). The model is then
/// as it was.
template <class Model>
requires(!std::same_as<Model, TrainingState>) void load_checkpoint(Model& model,
                                                                   const std::filesystem::path& path) {
  load_checkpoint(parameters(model), settings(model), path);
}

}  // namespace keel
