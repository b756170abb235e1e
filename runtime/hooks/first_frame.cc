#include "runtime/hooks/first_frame.h"

#include <sys/auxv.h>
#include <unistd.h>

#include <cstdint>
#include <span>
#include <utility>

#include "runtime/object.h"

// No public function does this, so the one word that holds the frame is looked for by its value:
// nothing is changed unless exactly that value is there.
namespace replwire::runtime {
namespace {

using Word = std::uintptr_t;

// The words at the front of PyThreadState, less than it has in any of the versions.
std::span<Word> state_words(PyThreadState* state) { return {reinterpret_cast<Word*>(state), 16}; }

// What the thread's list holds: the frame object in 3.10, later what that object stands for, which
// is its second own field.
Word listed(PyObject* frame, long version) {
  if (version < 11) return reinterpret_cast<Word>(frame);
  constexpr std::size_t kHead = 2;  // of every object
  return reinterpret_cast<Word*>(frame)[kHead + 1];
}

struct Stack {
  Word low;
  Word high;
};

// The part of the first thread's stack that is in use: the kernel's random bytes lie at its top.
Stack own_stack() {
  const char here = 0;
  if (::getpid() != ::gettid()) return {0, 0};
  return {reinterpret_cast<Word>(&here), ::getauxval(AT_RANDOM)};
}

struct Hidden {
  Word* place;
  Word frame;
};

// Global, since the process has one interpreter, with one first frame.
Hidden hidden = {nullptr, 0};

bool clear(std::span<Word> words, Word value) {
  for (Word& word : words) {
    if (word != value) continue;
    hidden = {&word, std::exchange(word, 0)};
    return true;
  }
  return false;
}

// 3.11 and 3.12 keep it in a struct on the C stack, to which the state points.
void clear_on_stack(PyThreadState* state, Word value) {
  const Stack stack = own_stack();
  constexpr std::size_t kWords = 3;
  for (const Word word : state_words(state)) {
    const bool inside = word >= stack.low && word + kWords * sizeof(Word) <= stack.high;
    if (!inside || word % sizeof(Word) != 0) continue;
    if (clear({reinterpret_cast<Word*>(word), kWords}, value)) return;
  }
}

long minor_version() {
  PyObject* info = PySys_GetObject("version_info");
  return info != nullptr ? PyLong_AsLong(PyTuple_GetItem(info, 1)) : 0;
}

}  // namespace

void hide_first_frame() {
  const long version = minor_version();
  auto* frame = reinterpret_cast<PyObject*>(PyEval_GetFrame());
  if (frame == nullptr || version < 10 || version > 15) return;
  const Word value = listed(frame, version);
  PyThreadState* state = PyThreadState_Get();
  if (value != 0 && !clear(state_words(state), value)) clear_on_stack(state, value);
}

void show_first_frame() {
  if (hidden.place != nullptr) *hidden.place = hidden.frame;
}

}  // namespace replwire::runtime
