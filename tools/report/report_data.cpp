#include "keel/tools/report/report_data.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <set>

#include "keel/tools/findings/finding_json.hpp"
#include "keel/tools/report/compare_section.hpp"
#include "keel/tools/report/plot_layout.hpp"
#include "keel/tools/report/training_tables.hpp"
#include "keel/tools/runs/arms.hpp"
#include "keel/tools/runs/run_json.hpp"
#include "keel/tools/runs/study.hpp"
#include "keel/tools/runs/tuning.hpp"
#include "keel/tools/system/json.hpp"
#include "keel/tools/system/refuse.hpp"
#include "keel/tools/system/shell_word.hpp"

namespace keel::tools {
namespace {

// What does not fit into a results.json.
class Unfit : public Error {
 public:
  using Error::Error;
};

// Json's own conversions take fractions and numbers beyond the range of the type.
std::int64_t whole_number_of(const Json& json, const char* key) {
  const auto& value = json.at(key);
  if (!value.is_number_integer()) throw Unfit{fmt::format("{} is not a whole number", key)};
  return value.get<std::int64_t>();
}

std::vector<RunResult> runs_in(const Json& json) {
  if (!json.is_array()) throw Unfit{"runs is not a list"};
  std::vector<RunResult> runs;
  for (std::size_t i = 0; i < json.size(); ++i) {
    try {
      runs.push_back(run_of(json[i]));
    } catch (const std::exception& error) {
      throw Unfit{fmt::format("run {}: {}", i + 1, error.what())};
    }
  }
  return runs;
}

std::vector<Table> training_tables(std::span<const RunResult> runs) {
  std::vector<Table> tables;
  for (const auto& table : {training_table(runs), rates_table(runs), health_table(runs)})
    if (!table.rows.empty()) tables.push_back(table);
  return tables;
}

// What a study's first finding would be at other rates; it is not kept, but what verdict that would be.
struct PrimaryAtRates {
  std::optional<Finding> tuned;
  std::optional<Finding> common;
};

// What may be chosen otherwise is only seen when all sections are there, whose first findings are one family.
void add_other_verdicts(std::vector<Section>& sections, std::span<const PrimaryAtRates> at_rates) {
  std::vector<Finding> primaries;
  std::vector<Section*> judged;
  for (auto& section : sections) {
    if (section.findings.empty()) continue;
    judged.push_back(&section);
    primaries.push_back(section.findings.front());
  }
  const auto of_primaries = other_verdicts(primaries, true);
  for (std::size_t i = 0; i < judged.size(); ++i) {
    auto& section = *judged[i];
    section.others = other_verdicts(std::span{section.findings}.subspan(1), false);
    section.others.insert(section.others.begin(), of_primaries[i]);
    const auto& [tuned, common] = at_rates[static_cast<std::size_t>(&section - sections.data())];
    if (tuned) section.others.front().tuned = verdict_among(*tuned, primaries, i);
    if (common) section.others.front().common = verdict_among(*common, primaries, i);
  }
}

Section study_section(const Json& json, const ReportData& data, const StudyFinder& find,
                      std::vector<PrimaryAtRates>& at_rates) {
  Section section{.name = json.at("name").get<std::string>(),
                  .claim = json.at("claim").get<std::string>(),
                  .experiment = json.at("experiment").get<std::string>(),
                  .caveat = json.at("caveat").get<std::string>()};
  const auto* study = find(section.name);
  if (study == nullptr) throw Unfit{fmt::format("keel has no study '{}'", section.name)};
  const auto& findings = json.at("findings");
  if (!findings.is_array()) throw Unfit{fmt::format("findings of '{}' is not a list", section.name)};
  for (const auto& finding : findings) section.findings.push_back(finding_of(finding));
  const auto all =
      runs_of(data.runs, [&](const RunResult& run) { return run.settings.study == section.name; });
  const auto own = runs_of(all, is_judged);
  try {
    section.figures = study->figures(own);
    section.tables = study->tables(own);
  } catch (const std::exception& error) {
    throw Unfit{fmt::format("the runs of '{}' can't be shown: {}", section.name, error.what())};
  }
  share_y_axes(section.figures);
  section.training = training_tables(all);
  section.command = command_for(data.command, section.name);
  at_rates.push_back({primary_at(*study, own, "tuned"), primary_at(*study, own, "common")});
  return section;
}

void read_data_set(ReportData& data, const Json& json) {
  data.data_name = json.at("name").get<std::string>();
  data.digest = json.at("digest").get<std::string>();
  data.train = whole_number_of(json, "train");
  data.validation = whole_number_of(json, "validation");
  data.test = whole_number_of(json, "test");
  data.classes = whole_number_of(json, "classes");
  const auto& shape = json.at("shape");
  const auto is_side = [](const Json& side) {
    return side.is_number_integer() && side.get<double>() >= 1.0 && side.get<double>() <= 1e9;
  };
  if (!shape.is_array() || shape.size() != 2 || !std::ranges::all_of(shape, is_side))
    throw Unfit{"the shape of the images is not one"};
  data.height = shape[0].get<std::int64_t>();
  data.width = shape[1].get<std::int64_t>();
}

ReportData read(const Json& results, const StudyFinder& find) {
  ReportData data;
  if (!results.is_object()) throw Unfit{"it is not an object"};
  if (const auto schema = whole_number_of(results, "schema"); schema != 1)
    throw Unfit{fmt::format("it has schema {}; this keel reads schema 1", schema)};
  data.command = results.at("command").get<std::vector<std::string>>();
  if (data.command.size() > 1 && data.command[1] == "train")
    throw Unfit{"keel train wrote it, of which there is no report; its metrics.jsonl holds the curves"};
  data.keel = results.at("keel").get<std::string>();
  data.onednn = results.at("onednn").get<std::string>();
  data.instruction_set = results.value("instruction_set", "");
  data.cpu = results.at("cpu").get<std::string>();
  data.started = results.at("started").get<std::string>();
  data.threads = whole_number_of(results, "threads");
  data.seconds = number_of(results.at("seconds"));
  read_data_set(data, results.at("dataset"));
  data.runs = runs_in(results.at("runs"));
  if (!results.contains("studies")) {
    data.sections.push_back(compare_section(data.runs, results.at("summary"), data.command));
    data.sections.front().training = training_tables(data.runs);
    return data;
  }
  const auto& studies = results.at("studies");
  if (!studies.is_array()) throw Unfit{"studies is not a list"};
  std::set<std::string> names;
  std::vector<PrimaryAtRates> at_rates;
  for (const auto& study : studies) {
    data.sections.push_back(study_section(study, data, find, at_rates));
    if (!names.insert(data.sections.back().name).second)
      throw Unfit{fmt::format("study '{}' is there twice", data.sections.back().name)};
  }
  add_other_verdicts(data.sections, at_rates);
  return data;
}

// Json's errors begin with "[json.exception.type_error.302] ".
std::string without_number(std::string text) {
  const auto begin = text.find("[json.exception");
  const auto end = text.find("] ", begin);
  if (begin != std::string::npos && end != std::string::npos) text.erase(begin, end + 2 - begin);
  return text;
}

}  // namespace

ReportData report_data(const Json& results, const std::filesystem::path& path, const StudyFinder& find) {
  try {
    return read(results, find);
  } catch (const std::exception& error) {
    refuse(path, "is not what keel writes: {}", without_number(error.what()));
  }
}

std::string command_for(const std::vector<std::string>& command, const std::string& study) {
  constexpr std::array dropped{"--force", "--quiet", "--resume", "--join"};
  constexpr std::array dropped_with_value{"--out", "--threads", "--lease"};
  constexpr std::array flags{"--quick"};
  const std::string name = command.size() > 1 ? command[1] : "";
  std::vector<std::string> line{"keel"};
  if (!name.empty()) line.push_back(shell_word(name));
  if (name == "study") line.push_back(shell_word(study));
  for (std::size_t i = 2; i < command.size(); ++i) {
    const auto& word = command[i];
    const auto option = word.substr(0, word.find('='));
    if (!word.starts_with("--")) continue;  // the study's name
    const bool has_value = option == word && i + 1 < command.size() &&
                           std::ranges::find(flags, option) == flags.end() &&
                           std::ranges::find(dropped, option) == dropped.end();
    const bool keep = std::ranges::find(dropped, option) == dropped.end() &&
                      std::ranges::find(dropped_with_value, option) == dropped_with_value.end();
    if (keep) line.push_back(shell_word(word));
    if (keep && has_value) line.push_back(shell_word(command[i + 1]));
    if (has_value) ++i;
  }
  return fmt::format("{}", fmt::join(line, " "));
}

}  // namespace keel::tools
