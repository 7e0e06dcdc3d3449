#include "keel/tools/commands/evaluate_command.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <vector>

#include "keel/runtime/threads.hpp"
#include "keel/tools/data/data_set.hpp"
#include "keel/tools/system/json.hpp"
#include "keel/tools/system/terminal.hpp"

namespace keel::tools {
namespace {

// As classes are called that have no names.
bool are_numbers(const std::vector<std::string>& names) {
  for (std::size_t i = 0; i < names.size(); ++i)
    if (names[i] != std::to_string(i)) return false;
  return true;
}

void require_fit(const EvaluateOptions& options, const Classifier& classifier, const DataSet& data) {
  if (data.test.height != classifier.height || data.test.width != classifier.width) {
    throw DataError{fmt::format("the network of '{}' takes images of {} x {}, but those of '{}' are {} x {}",
                                options.file, classifier.height, classifier.width, data.name,
                                data.test.height, data.test.width)};
  }
  if (static_cast<std::size_t>(data.classes) != classifier.class_names.size()) {
    throw DataError{fmt::format("the network of '{}' tells {} classes apart, but '{}' has {}", options.file,
                                classifier.class_names.size(), data.name, data.classes)};
  }
  const auto names = written_names(data.class_names);
  if (!names.empty() && !are_numbers(classifier.class_names) && names != classifier.class_names) {
    const auto [theirs, ours] = std::ranges::mismatch(names, classifier.class_names);
    throw DataError{fmt::format(
        "class {} of '{}' is '{}', but that of the network of '{}' is '{}': they tell other classes apart",
        theirs - names.begin(), data.name, printable(*theirs), options.file, printable(*ours))};
  }
  if (data.test.size() == 0) throw DataError{fmt::format("'{}' has no test images", data.name)};
}

Json classification_json(const EvaluateOptions& options, const Classification& classification,
                         const DataSet& data, const Classifier& classifier) {
  Json per_class = Json::array();
  for (const auto& score : classification.per_class()) {
    per_class.push_back({{"precision", number(score.precision)},
                         {"recall", number(score.recall)},
                         {"f1", number(score.f1)},
                         {"support", score.support}});
  }
  return {{"file", options.file},
          {"data", data.name},
          {"images", data.test.size()},
          {"classes", classifier.class_names},
          {"loss", number(classification.mean.loss)},
          {"accuracy", number(classification.mean.accuracy)},
          {"calibration_error", number(classification.calibration_error)},
          {"confusion", classification.confusion},
          {"per_class", std::move(per_class)}};
}

}  // namespace

ExitStatus evaluate_network(const EvaluateOptions& options) {
  const ThreadLimit threads{options.threads};
  const auto classifier = load_classifier(options.file);
  const DataSet data = load_data_set(options.data);
  require_fit(options, classifier, data);
  const auto classification = classify(classifier, data.test);
  if (options.json) {
    fmt::print("{}\n", json_text(classification_json(options, classification, data, classifier)));
    return ExitStatus::done;
  }
  std::vector<std::string> names;
  for (const auto& name : classifier.class_names) names.push_back(printable(name));
  fmt::print("{} on the {} test images of {}\n", printable(options.file), data.test.size(),
             printable(data.name));
  fmt::print("{}", classification_text(classification, names));
  return ExitStatus::done;
}

}  // namespace keel::tools
