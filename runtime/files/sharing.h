#pragma once

#include <cstdint>
#include <set>
#include <unordered_map>
#include <utility>
#include <vector>

#include "runtime/object.h"

namespace replwire::runtime {

// Which of the names that are pickled one after the other hold the same objects: told of every
// object that the pickler comes to, it remembers whose it was first. Holds the objects, so that no
// other one takes the place of one that is gone. Used with the GIL held.
class Sharing {
 public:
  // What an object counts as, by its type.
  enum class Kind {
    kObject,      // shared if two names hold it
    kValue,       // a number and the like: it is the same wherever it comes from
    kText,        // a value unless it is large
    kDefinition,  // a class or a function: an object if it is saved by value, see `note`
    kKnown        // has a name of its own, and is not pickled
  };

  // `classify(type)` tells a type's kind, as its number.
  explicit Sharing(Ref classify) : classify_(std::move(classify)) {}
  Sharing(const Sharing&) = delete;
  Sharing& operator=(const Sharing&) = delete;
  ~Sharing();

  // Nothing with a Python exception set.
  std::optional<Kind> kind_of(PyTypeObject* type);

  // The next name begins; they are numbered from 0.
  void begin();
  void see(PyObject* object, Kind kind);
  // A definition that is saved by value.
  void note(PyObject* object) { look_up(object, true); }
  // Whether the name in hand can be saved.
  void end(bool saved);

  // Those that can, by what they share: each number is in one group.
  std::vector<std::vector<std::uint32_t>> groups();
  // (one that cannot be saved, one that shares objects with it)
  const std::set<std::pair<std::uint32_t, std::uint32_t>>& lost() const { return lost_; }

 private:
  struct Slot {
    PyObject* object;
    std::uint32_t owner;
    std::uint32_t
        lost;  // 0: nobody, else the number, from 1, of one that cannot be saved and had it
  };

  void look_up(PyObject* object, bool add);
  Slot& slot_of(PyObject* object);
  void grow();
  std::uint32_t root(std::uint32_t name);

  Ref classify_;
  std::unordered_map<PyTypeObject*, std::pair<Ref, Kind>> kinds_;
  PyTypeObject* last_type_ = nullptr;
  Kind last_kind_ = Kind::kObject;
  std::vector<Slot> slots_ = std::vector<Slot>(1024);  // open addressing
  std::size_t used_ = 0;
  std::vector<std::uint32_t> parents_;  // of each name, up to the first of its group
  std::vector<bool> saved_;
  std::set<std::uint32_t> shared_with_;  // by the name in hand
  std::vector<PyObject*> shared_;        // objects that it has in common with those
  std::set<std::pair<std::uint32_t, std::uint32_t>> lost_;
};

}  // namespace replwire::runtime
