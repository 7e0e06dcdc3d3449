#include "keel/tools/commands/predict_command.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <numeric>

#include "keel/runtime/threads.hpp"
#include "keel/tools/data/batches.hpp"
#include "keel/tools/data/fit_image.hpp"
#include "keel/tools/data/idx.hpp"
#include "keel/tools/data/png.hpp"
#include "keel/tools/system/json.hpp"
#include "keel/tools/system/refuse.hpp"
#include "keel/tools/system/regular_file.hpp"
#include "keel/tools/system/terminal.hpp"
#include "keel/tools/training/classification.hpp"

namespace keel::tools {
namespace {

struct RankedClass {
  std::size_t index;
  double probability;
};

// The most likely classes first; of two that are as likely the first.
std::vector<RankedClass> ranked(std::span<const float> logits, int top) {
  const auto all = probabilities(logits);
  std::vector<RankedClass> classes;
  for (std::size_t i = 0; i < all.size(); ++i) classes.push_back({i, all[i]});
  std::ranges::stable_sort(classes, std::greater{}, &RankedClass::probability);
  classes.resize(std::min(classes.size(), static_cast<std::size_t>(top)));
  return classes;
}

enum class PictureFile : std::uint8_t { png, idx, other };

PictureFile kind_of(const std::string& path) {
  std::array<std::uint8_t, 8> begin{};
  const auto opened = open_regular_file(path);
  const auto count = std::fread(begin.data(), 1, begin.size(), opened.file.get());
  if (count == begin.size() && starts_like_png(begin)) return PictureFile::png;
  const bool is_gzip = begin[0] == 0x1F && begin[1] == 0x8B;
  return is_gzip || (begin[0] == 0 && begin[1] == 0) ? PictureFile::idx : PictureFile::other;
}

ImageSet read_images(const std::string& path) {
  const auto kind = kind_of(path);
  if (kind == PictureFile::other) refuse(path, "is neither a PNG picture nor an IDX file of images");
  if (kind == PictureFile::idx) return read_idx_images(path);
  auto image = read_png(path);
  return {.height = image.height, .width = image.width, .pixels = std::move(image.pixels), .labels = {0}};
}

// The images as the network takes them.
ImageSet fitted(const ImageSet& set, const Classifier& classifier, bool invert) {
  ImageSet result{.height = classifier.height, .width = classifier.width, .pixels = {}, .labels = set.labels};
  for (std::int64_t i = 0; i < set.size(); ++i) {
    const auto pixels =
        invert ? inverted(set.image(i)) : std::vector(set.image(i).begin(), set.image(i).end());
    const auto image = fit_image({set.height, set.width, pixels}, classifier.height, classifier.width);
    result.pixels.insert(result.pixels.end(), image.begin(), image.end());
  }
  return result;
}

// One after the other; lines as they come, JSON at the end.
class Predictions {
 public:
  Predictions(const PredictOptions& options, const Classifier& classifier)
      : options_(options),
        classifier_(classifier),
        evaluate_(classifier.model, std::min<std::int64_t>(classifier.largest_batch, 100)) {}

  void add(const std::string& path) {
    const auto read = read_images(path);
    const bool light = has_light_background(read);
    const auto trained = classifier_.light_background;
    const bool invert =
        options_.invert == "always" || (options_.invert == "auto" && trained && light != *trained);
    if (!trained && light && options_.invert == "auto") {
      fmt::print(stderr,
                 "keel: '{}' is dark on light, and '{}' does not say whether its network was trained on such "
                 "images: not inverted; --invert always does so\n",
                 path, options_.file);
    }
    if (invert && options_.invert == "auto") {
      fmt::print(stderr, "keel: '{}' is {}, unlike the images that the network was trained on: inverted\n",
                 path, light ? "dark on light" : "light on dark");
    }
    const auto set = fitted(read, classifier_, invert);
    std::int64_t index = 0;
    evaluate_(set, all_of(set), [&](const Tensor& logits, const Tensor& labels) {
      const auto classes = classifier_.class_names.size();
      for (std::size_t i = 0; i < labels.data<std::int32_t>().size(); ++i, ++index)
        add_one(path, set.size() > 1 ? std::optional{index} : std::nullopt,
                ranked(logits.data<float>().subspan(i * classes, classes), options_.top));
    });
  }

  [[nodiscard]] const Json& json() const { return json_; }

 private:
  void add_one(const std::string& path, std::optional<std::int64_t> index,
               std::span<const RankedClass> classes) {
    std::vector<std::string> texts;
    Json list = Json::array();
    for (const auto& [place, probability] : classes) {
      const auto& name = classifier_.class_names[place];
      texts.push_back(fmt::format("{} ({:.1f} %)", printable(name), 100.0 * probability));
      list.push_back({{"class", name}, {"probability", number(probability)}});
    }
    Json entry{{"file", path}};
    if (index) entry["index"] = *index;
    entry["predictions"] = std::move(list);
    if (options_.json)
      json_.push_back(std::move(entry));
    else
      fmt::print("{}{}: {}\n", printable(path), index ? fmt::format("[{}]", *index) : "",
                 fmt::join(texts, ", "));
  }

  const PredictOptions& options_;
  const Classifier& classifier_;
  Evaluator evaluate_;
  Json json_ = Json::array();
};

}  // namespace

ExitStatus predict_images(const PredictOptions& options) {
  const ThreadLimit threads{1};
  const auto classifier = load_classifier(options.file);
  Predictions predictions{options, classifier};
  std::vector<std::string> faults;
  for (const auto& path : options.images) {
    try {
      predictions.add(path);
    } catch (const DataError& error) {
      faults.emplace_back(error.what());
    }
  }
  if (options.json) fmt::print("{}\n", json_text(predictions.json()));
  std::fflush(stdout);
  for (const auto& fault : faults) fmt::print(stderr, "keel: {}\n", fault);
  return faults.empty() ? ExitStatus::done : ExitStatus::data;
}

}  // namespace keel::tools
