#pragma once

namespace replwire_tests {

// Python code: classes whose every special method, attribute access, property and descriptor, those
// of their metaclass included, notes in `calls` that it was called; and objects of them in all
// places where one could be met. `calls.clear()` is the last thing it does.
inline constexpr const char* kSpies = R"py(
calls = []

def noting(name, result=None):
    def method(self, *args, **kwargs):
        calls.append(name)
        return result
    return method

RESULTS = {'__repr__': 'spy', '__str__': 'spy', '__format__': 'spy', '__hash__': 1, '__len__': 1,
           '__bool__': True, '__int__': 1, '__index__': 1, '__float__': 1.0, '__complex__': 1j,
           '__dir__': ['from_dir'], '__sizeof__': 1, '__eq__': True, '__ne__': False,
           '__contains__': True, '__length_hint__': 1, '__bytes__': b'spy', '__fspath__': 'spy'}
NAMES = list(RESULTS) + '''__lt__ __le__ __gt__ __ge__ __call__ __getattr__ __getitem__ __setitem__
    __delitem__ __missing__ __iter__ __next__ __reversed__ __enter__ __exit__ __await__ __aiter__
    __anext__ __add__ __radd__ __sub__ __mul__ __matmul__ __truediv__ __mod__ __pow__ __and__ __or__
    __neg__ __pos__ __abs__ __invert__ __round__ __copy__ __deepcopy__ __reduce__ __reduce_ex__
    __getstate__ __instancecheck__ __subclasscheck__ __del__ __array__ __array_interface__
    __dataframe__ _repr_html_ _repr_mimebundle_ _repr_pretty_ _ipython_key_completions_
    _ipython_display_ __rich_repr__ keys items'''.split()

class Descriptor:
    def __get__(self, instance, owner=None): calls.append('__get__'); return self
    def __set__(self, instance, value): calls.append('__set__')
    def __getattribute__(self, name): calls.append('descriptor ' + name); return 1

def all_methods():
    space = {name: noting(name, RESULTS.get(name)) for name in NAMES}
    space['__getattribute__'] = lambda self, name: (calls.append('__getattribute__ ' + name),
                                                    object.__getattribute__(self, name))[1]
    for name in ['prop', '__dict__', '__class__', '__doc__', '__wrapped__', '__signature__',
                 '__text_signature__', '__annotations__', '__name__', '__qualname__', 'shape',
                 'dtype', 'columns', 'index', 'nbytes', '__isabstractmethod__']:
        space.setdefault(name, property(lambda self, name=name: calls.append('property ' + name)))
    space['descriptor'] = Descriptor()
    return space

methods = all_methods()
meta_space = {k: v for k, v in all_methods().items()
              if k not in ('__dict__', '__class__', '__doc__', '__call__', '__qualname__')}
meta_space['__getattribute__'] = lambda cls, name: (calls.append('meta ' + name),
                                                    type.__getattribute__(cls, name))[1]
meta_space['mro'] = lambda cls: (calls.append('mro'), type.mro(cls))[1]
Meta = type('Meta', (type,), meta_space)
body = dict(methods)
for name in ('__qualname__',): body.pop(name)
Spy = Meta('Spy', (), {**body, 'method': lambda self, first, second=2: None})
SpyDict = Meta('SpyDict', (dict,), {k: v for k, v in body.items() if k not in ('__dict__',)})
SpyList = Meta('SpyList', (list,), {k: v for k, v in body.items() if k not in ('__dict__',)})
SpyStr = Meta('SpyStr', (str,), {k: v for k, v in body.items()
                                 if k not in ('__dict__', '__hash__', '__eq__')})

spy, spy_dict, spy_list, spy_str = Spy(), SpyDict(), SpyList(), SpyStr('text')
dict.__setitem__(spy_dict, 'key', spy)
holder = {'spy': spy, 'more': [spy, (spy,), {1: spy}]}
holder[spy] = 1
def spied(a: spy, b=spy, *, c: Spy = spy) -> spy: pass
import functools, types
partial = functools.partial(spied, spy)
plain = type('Plain', (), {'spy': spy})()
plain.inner = spy
module = types.ModuleType('spied_module', doc=spy_str)
module.spy = spy
module.__getattr__ = noting('module __getattr__')
module.__dir__ = noting('module __dir__', [])
calls.clear()
)py";

}  // namespace replwire_tests
