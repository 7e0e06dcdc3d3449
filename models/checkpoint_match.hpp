#pragma once

#include <filesystem>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "keel/models/checkpoint.hpp"
#include "keel/models/parameter.hpp"
#include "keel/models/safetensors.hpp"
#include "keel/models/settings.hpp"
#include "keel/runtime/tensor.hpp"

#pragma GCC visibility push(hidden)

namespace keel::detail {

// How a checkpoint is loaded: first all is found in the file and compared, then all is copied, so that a file
// that does not fit changes nothing.

/// What the names of arrays begin with that are no parameter's, but an optimizer's.
inline constexpr std::string_view optimizer_prefix = "optimizer/";
/// What the names of texts begin with that are numbers and streams of a training state.
inline constexpr std::string_view training_prefix = "training/";

/// What a parameter is called in a file: "fc1.weight" for "fc1.weights" among PyTorch's names.
std::string name_in_file(const NamedParameter& parameter, Names names);

/// Whether a file with such names has no array for it.
bool is_left_out(const Parameter& parameter, Names names);

/// A parameter, and the array of the file that becomes its values.
struct Match {
  NamedParameter parameter;
  std::string array;
  DType dtype;
};

/// The parameters that the file has an array for, and in `report` what it has not, what is left over and of another
/// type. Throws Error, naming the file and the parameter, where the options are strict and that is not all, or
/// where a parameter would be left without values.
std::vector<Match> match_parameters(const Safetensors& file, std::span<const NamedParameter> parameters,
                                    const LoadOptions& options, LoadReport& report);

/// Notes settings for which the file has another value. Throws Error for one where the options are strict.
void compare_settings(const Safetensors& file, std::span<const NamedSetting> settings,
                      const LoadOptions& options, LoadReport& report);

/// Memory for those parameters that have none yet, taken away again at the end unless it is kept.
class MatchedMemory {
 public:
  explicit MatchedMemory(std::span<const Match> matches);
  ~MatchedMemory();
  MatchedMemory(const MatchedMemory&) = delete;
  MatchedMemory& operator=(const MatchedMemory&) = delete;

  void keep() { without_values_.clear(); }

 private:
  std::vector<Parameter*> without_values_;
};

/// An array of the file and where its values go.
struct Copy {
  Tensor from;
  Tensor into;
};

/// Of parameters that have memory. Throws Error where a value can't be converted.
std::vector<Copy> copies_of(const Safetensors& file, std::span<const Match> matches);
void copy(std::span<const Copy> copies);

/// Throws NoValuesError when one of the parameters has no values to be written to `path`.
std::vector<NamedTensor> tensors_of(std::span<const NamedParameter> parameters,
                                    const std::filesystem::path& path, Names names = Names::keel);
/// The texts of a file of keel's.
std::map<std::string, std::string> texts_of(std::span<const NamedSetting> settings,
                                            Names names = Names::keel);
/// Adds what a program has the file say. Throws Error when a name is taken.
void add_texts(std::map<std::string, std::string>& texts, const std::map<std::string, std::string>& added,
               const std::filesystem::path& path);

}  // namespace keel::detail

#pragma GCC visibility pop
