#include "keel/runtime/slot.hpp"

#include <array>
#include <boost/test/unit_test.hpp>
#include <vector>

namespace {

using keel::Slot;
using keel::SlotView;

}  // namespace

BOOST_AUTO_TEST_SUITE(slot_test)

BOOST_AUTO_TEST_CASE(a_new_slot_points_nowhere) {
  BOOST_TEST(Slot{}.data() == nullptr);
}

BOOST_AUTO_TEST_CASE(a_view_sees_where_its_slot_points_now) {
  std::array first{1.0, 2.0};
  std::array second{3.0, 4.0};
  Slot slot;
  const SlotView<double> view{slot};
  slot.point_to(first.data());
  BOOST_TEST(view.get()[1] == 2.0);
  slot.point_to(second.data());
  BOOST_TEST(view.get()[1] == 4.0);
}

BOOST_AUTO_TEST_CASE(a_follower_is_told_the_present_place_and_every_later_one) {
  int first = 0;
  int second = 0;
  Slot slot;
  slot.point_to(&first);
  std::vector<void*> seen;
  slot.follow([&](void* data) { seen.push_back(data); });
  slot.point_to(&second);
  slot.point_to(nullptr);
  BOOST_TEST((seen == std::vector<void*>{&first, &second, nullptr}));
}

BOOST_AUTO_TEST_CASE(all_followers_are_told) {
  int place = 0;
  Slot slot;
  std::array<void*, 3> seen{};
  for (auto& data : seen) slot.follow([&data](void* now) { data = now; });
  slot.point_to(&place);
  for (void* data : seen) BOOST_TEST(data == &place);
}

BOOST_AUTO_TEST_SUITE_END()
