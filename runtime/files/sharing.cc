#include "runtime/files/sharing.h"

#include <map>

namespace replwire::runtime {
namespace {

constexpr Py_ssize_t kLarge = 4096;  // bytes, or characters

bool is_large(PyObject* text) {
  if (PyBytes_Check(text) != 0) return PyBytes_Size(text) >= kLarge;
  return PyUnicode_Check(text) != 0 && PyUnicode_GetLength(text) >= kLarge;
}

std::size_t hash_of(const PyObject* object) {
  constexpr std::uint64_t kGolden = 0x9E3779B97F4A7C15;
  return static_cast<std::size_t>(reinterpret_cast<std::uintptr_t>(object) * kGolden >> 20U);
}

}  // namespace

Sharing::~Sharing() {
  for (const Slot& slot : slots_) Py_XDECREF(slot.object);
}

std::optional<Sharing::Kind> Sharing::kind_of(PyTypeObject* type) {
  if (type == last_type_) return last_kind_;
  auto found = kinds_.find(type);
  if (found == kinds_.end()) {
    auto* object = reinterpret_cast<PyObject*>(type);
    const Ref number(PyObject_CallFunctionObjArgs(classify_.get(), object, nullptr));
    if (!number) return std::nullopt;
    const auto kind = static_cast<Kind>(PyLong_AsLong(number.get()));
    found = kinds_.emplace(type, std::pair(Ref::borrow(object), kind)).first;
  }
  last_type_ = type;
  last_kind_ = found->second.second;
  return last_kind_;
}

void Sharing::begin() {
  parents_.push_back(static_cast<std::uint32_t>(parents_.size()));
  saved_.push_back(true);
  shared_with_.clear();
}

void Sharing::see(PyObject* object, Kind kind) {
  switch (kind) {
    case Kind::kValue:
    case Kind::kKnown:
      return;
    case Kind::kDefinition:
      return look_up(object, false);
    case Kind::kText:
      // One that is referred to once cannot be another name's as well; it may be a copy, made to be
      // pickled, which is not to be held.
      if (!is_large(object) || Py_REFCNT(object) == 1) return;
      break;
    case Kind::kObject:
      if (PyTuple_CheckExact(object) != 0 && PyTuple_Size(object) == 0) return;  // there is but one
      break;
  }
  look_up(object, true);
}

Sharing::Slot& Sharing::slot_of(PyObject* object) {
  const std::size_t mask = slots_.size() - 1;
  std::size_t at = hash_of(object) & mask;
  while (slots_[at].object != nullptr && slots_[at].object != object) at = (at + 1) & mask;
  return slots_[at];
}

void Sharing::grow() {
  std::vector<Slot> before(slots_.size() * 2);
  before.swap(slots_);
  for (const Slot& slot : before) {
    if (slot.object != nullptr) slot_of(slot.object) = slot;
  }
}

void Sharing::look_up(PyObject* object, bool add) {
  const auto name = static_cast<std::uint32_t>(parents_.size() - 1);
  Slot& slot = slot_of(object);
  if (slot.object == nullptr) {
    if (!add) return;
    Py_INCREF(object);
    slot = {object, name, 0};
    if (++used_ * 2 > slots_.size()) grow();
    return;
  }
  if (slot.owner == name) return;
  shared_with_.insert(slot.owner);
  if (slot.lost != 0) shared_with_.insert(slot.lost - 1);
  if (saved_[slot.owner]) return shared_.push_back(object);
  slot.lost = slot.owner + 1;
  slot.owner = name;
}

void Sharing::end(bool saved) {
  const auto name = static_cast<std::uint32_t>(parents_.size() - 1);
  saved_[name] = saved;
  for (PyObject* object : shared_) {
    if (!saved) slot_of(object).lost = name + 1;
  }
  shared_.clear();
  for (const std::uint32_t other : shared_with_) {
    if (saved && saved_[other]) {
      parents_[root(name)] = root(other);
    } else if (saved != saved_[other]) {
      lost_.emplace(saved ? other : name, saved ? name : other);
    }
  }
}

std::uint32_t Sharing::root(std::uint32_t name) {
  while (parents_[name] != name) name = parents_[name] = parents_[parents_[name]];
  return name;
}

std::vector<std::vector<std::uint32_t>> Sharing::groups() {
  std::map<std::uint32_t, std::size_t> places;  // by root
  std::vector<std::vector<std::uint32_t>> groups;
  for (std::uint32_t name = 0; name < parents_.size(); ++name) {
    if (!saved_[name]) continue;
    const auto [place, is_new] = places.emplace(root(name), groups.size());
    if (is_new) groups.emplace_back();
    groups[place->second].push_back(name);
  }
  return groups;
}

}  // namespace replwire::runtime
