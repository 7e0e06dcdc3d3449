// A claim of one's own in keel's laboratory, with a model of one's own: does RMS norm do as much as batch norm?

#include <keel/keel.hpp>
#include <keel/tools/laboratory.hpp>

using namespace keel;

struct Network {
  Linear fc1, fc2, fc3;
  std::optional<BatchNorm> batch_norm;
  std::optional<RmsNorm> rms_norm;

  Network(std::int64_t pixels, std::int64_t width, std::int64_t classes, const std::string& arm)
      : fc1(pixels, width), fc2(width, width), fc3(width, classes) {
    if (arm == "bn") batch_norm.emplace(width);
    if (arm == "rms") rms_norm.emplace(width);
  }

  Var operator()(Var images) const {
    Var hidden = fc1(images);
    if (batch_norm) hidden = (*batch_norm)(hidden);
    if (rms_norm) hidden = (*rms_norm)(hidden);
    return fc3(relu(fc2(relu(hidden))));
  }

  void visit(auto&& each) {
    each("fc1", fc1), each("fc2", fc2), each("fc3", fc3);
    if (batch_norm) each("bn", *batch_norm);
    if (rms_norm) each("rms", *rms_norm);
  }
};

std::optional<tools::RunResult> train(const tools::RunSettings& settings, const tools::RunContext& context) {
  const auto& images = context.data.train;
  Network network{images.height * images.width, settings.hidden[0], context.data.classes, settings.model};
  return tools::train_model(network, settings, context);
}

int main(int argc, char** argv) {
  tools::Comparison rms;
  rms.name = "rms-norm";
  rms.claim = "RMS norm raises the accuracy of a small network.";
  rms.experiment = "Two hidden layers with ReLU, the first one normalized or not; SGD, three epochs.";
  rms.caveat = "One small network; RMS norm was made for transformers (Zhang and Sennrich 2019).";
  rms.arm = "rms";
  rms.baseline = "plain";
  rms.beside = {"bn"};
  rms.labels = {{"rms", "RMS norm"}};
  rms.endpoint = {.name = "final validation accuracy", .unit = "points", .least = 0.2};
  rms.adjust = [](auto& settings, const auto& scale) { settings.epochs = scale.quick ? 1 : 3; };
  rms.run = train;
  const std::array studies{tools::comparison_study(std::move(rms))};
  return tools::own_studies_main(argc, argv, studies);
}
