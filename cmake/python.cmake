# replwire_python: what an executable that embeds Python links.
#
# The static library where there is one: Debian's shared libpython runs a pure Python loop 1.26
# times slower than its python3, which links the static one as well. Its symbols are exported,
# since extension modules look for them in the program.
add_library(replwire_python INTERFACE)
target_include_directories(replwire_python INTERFACE ${Python3_INCLUDE_DIRS})

execute_process(
  COMMAND ${Python3_EXECUTABLE} -c
          "import sysconfig as s; v = s.get_config_var
print(v('LIBPL') + '/' + v('LIBRARY'), ' '.join((v(n) or '') for n in ('LIBS', 'SYSLIBS', 'MODLIBS')), sep=';')"
  OUTPUT_VARIABLE python_config OUTPUT_STRIP_TRAILING_WHITESPACE COMMAND_ERROR_IS_FATAL ANY)
list(GET python_config 0 python_static)
list(GET python_config 1 python_libraries)
separate_arguments(python_libraries UNIX_COMMAND "${python_libraries}")
# Of 3.13 and later also files of Python's own build folder, which nobody else has.
list(FILTER python_libraries INCLUDE REGEX "^-")
list(REMOVE_DUPLICATES python_libraries)
set(python_libraries -Wl,--whole-archive ${python_static} -Wl,--no-whole-archive ${python_libraries})
# Not position independent, as Debian's own python3 is not: worth 5 to 10 % of a Python loop.
set(python_options -no-pie -Wl,--dynamic-list=${CMAKE_SOURCE_DIR}/cmake/python_symbols.list)

# The archive that comes with some versions lacks objects: only a link tells.
string(MD5 tried "${Python3_EXECUTABLE} ${Python3_VERSION} ${CMAKE_CXX_FLAGS}")
if(EXISTS ${python_static} AND NOT DEFINED REPLWIRE_STATIC_PYTHON_${tried})
  try_compile(REPLWIRE_STATIC_PYTHON_${tried}
    SOURCE_FROM_CONTENT embeds.cc "#include <Python.h>\nint main() { Py_Initialize(); }\n"
    CMAKE_FLAGS -DINCLUDE_DIRECTORIES=${Python3_INCLUDE_DIRS} -DCMAKE_POSITION_INDEPENDENT_CODE=OFF
    LINK_OPTIONS ${python_options}
    LINK_LIBRARIES ${python_libraries}
    OUTPUT_VARIABLE python_link)
  file(WRITE ${CMAKE_BINARY_DIR}/python_link.log "${python_link}")
endif()
if(REPLWIRE_STATIC_PYTHON_${tried})
  message(STATUS "Python: ${python_static}")
  target_link_libraries(replwire_python INTERFACE ${python_libraries})
  target_link_options(replwire_python INTERFACE ${python_options})
else()
  message(STATUS "Python: the shared library, since no program links ${python_static} (see python_link.log)")
  target_link_libraries(replwire_python INTERFACE Python3::Python)
endif()
