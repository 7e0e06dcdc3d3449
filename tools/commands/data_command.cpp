#include "keel/tools/commands/data_command.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <iterator>
#include <system_error>
#include <utility>
#include <vector>

#include "keel/tools/data/contact_sheet.hpp"
#include "keel/tools/data/data_set.hpp"
#include "keel/tools/data/digits.hpp"
#include "keel/tools/data/download.hpp"
#include "keel/tools/data/idx_writer.hpp"
#include "keel/tools/data/png.hpp"
#include "keel/tools/runs/earlier_results.hpp"
#include "keel/tools/system/number_text.hpp"
#include "keel/tools/system/output_folder.hpp"
#include "keel/tools/system/terminal.hpp"

namespace keel::tools {
namespace {

constexpr auto train_images = "train-images-idx3-ubyte.gz";
constexpr auto train_labels = "train-labels-idx1-ubyte.gz";
constexpr auto test_images = "t10k-images-idx3-ubyte.gz";
constexpr auto test_labels = "t10k-labels-idx1-ubyte.gz";

constexpr int sheet_columns = 10;

constexpr std::array<KnownFile, 4> mnist_files{
    {{train_images, "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db"},
     {train_labels, "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5"},
     {test_images, "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7"},
     {test_labels, "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2"}}};

/// Mean and standard deviation of all pixels.
struct Brightness {
  double mean;
  double sd;
};

// Exact but for the last roundings, since bytes have only 256 values to count.
Brightness brightness(const ImageSet& set) {
  std::array<std::int64_t, 256> counts{};
  for (const auto pixel : set.pixels) ++counts[pixel];
  const auto pixels = static_cast<double>(set.pixels.size());
  double mean = 0;
  for (std::size_t value = 0; value < counts.size(); ++value) {
    mean += static_cast<double>(value) / 255 * static_cast<double>(counts[value]) / pixels;
  }
  double variance = 0;
  for (std::size_t value = 0; value < counts.size(); ++value) {
    const double deviation = static_cast<double>(value) / 255 - mean;
    variance += deviation * deviation * static_cast<double>(counts[value]) / pixels;
  }
  return {.mean = mean, .sd = std::sqrt(variance)};
}

std::vector<std::int64_t> images_per_class(const ImageSet& set, int classes) {
  std::vector<std::int64_t> counts(static_cast<std::size_t>(classes));
  for (const auto label : set.labels) ++counts.at(label);
  return counts;
}

std::string class_table(const DataSet& data) {
  const auto train = images_per_class(data.train, data.classes);
  const auto test = images_per_class(data.test, data.classes);
  const auto name = [&](std::size_t label) {
    return data.class_names.empty() ? fmt::format("{}", label) : printable(data.class_names[label]);
  };
  std::size_t width = std::string_view{"class"}.size();
  for (std::size_t i = 0; i < train.size(); ++i) width = std::max(width, character_count(name(i)));
  std::string table;
  const auto row = [&](const std::string& first, const auto& second, const auto& third) {
    fmt::format_to(std::back_inserter(table), "{}{} {:>15} {:>11}\n",
                   std::string(width - character_count(first), ' '), first, second, third);
  };
  row("class", "training images", "test images");
  for (std::size_t i = 0; i < train.size(); ++i) row(name(i), train[i], test[i]);
  return table;
}

ExitStatus interrupted(std::string_view what_is_left) {
  fmt::print(stderr, "keel: interrupted; {}\n", what_is_left);
  return ExitStatus::interrupted;
}

}  // namespace

ExitStatus data_mnist(const MnistOptions& options, const std::stop_token& stop) {
  const auto folder = mnist_folder();
  if (!download_files(mnist_files, options.url, folder, options.force, stop))
    return interrupted("the files that were finished are kept");
  fmt::print("mnist: {}\n", folder.string());
  return ExitStatus::done;
}

ExitStatus data_digits(const DigitsFolderOptions& options, const std::stop_token& stop) {
  if (options.force) remove_earlier_results(options.out);
  OutputFolder folder{options.out, options.force};
  const auto data = make_digits({.seed = options.seed});
  // All are packed before the first is written, so that an interrupt leaves no part of a data set.
  const std::array<std::pair<const char*, std::string>, 4> files{
      {{train_images, gzipped_idx_images(data.train)},
       {train_labels, gzipped_idx_labels(data.train)},
       {test_images, gzipped_idx_images(data.test)},
       {test_labels, gzipped_idx_labels(data.test)}}};
  if (stop.stop_requested()) return interrupted("nothing was written");
  for (const auto& [name, content] : files) folder.write(name, content);
  fmt::print("digits: {}\n", options.out);
  return ExitStatus::done;
}

ExitStatus data_info(const InfoOptions& options) {
  const auto data = load_data_set(options.data);
  if (!options.sheet.empty())
    write_png(options.sheet, contact_sheet(data.train, data.classes, sheet_columns));
  fmt::print("{}", info_text(data));
  if (!options.sheet.empty()) {
    fmt::print("\nsheet: {}, a row of up to {} training images a class, class {} on top\n", options.sheet,
               sheet_columns, class_text(data, 0));
  }
  return ExitStatus::done;
}

std::string info_text(const DataSet& data) {
  const auto [mean, sd] = brightness(data.train);
  std::string text;
  const auto line = [&](std::string_view name, const auto& value) {
    fmt::format_to(std::back_inserter(text), "{:<16} {}\n", name, value);
  };
  line("name", data.name);
  line("digest", data.digest);
  line("training images", data.train.size());
  line("test images", data.test.size());
  line("size", fmt::format("{} x {}", data.train.height, data.train.width));
  line("classes", data.classes);
  line("pixel mean", fmt::format("{:.4f}", mean));
  line("pixel sd", fmt::format("{:.4f}", sd));
  return fmt::format("{}\n{}", text, class_table(data));
}

}  // namespace keel::tools
