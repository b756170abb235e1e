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
list(REMOVE_DUPLICATES python_libraries)

if(EXISTS ${python_static})
  message(STATUS "Python: ${python_static}")
  target_link_libraries(replwire_python INTERFACE
    -Wl,--whole-archive ${python_static} -Wl,--no-whole-archive ${python_libraries})
  # Not position independent, as Debian's own python3 is not: worth 5 to 10 % of a Python loop.
  target_link_options(replwire_python INTERFACE -no-pie
    -Wl,--dynamic-list=${CMAKE_SOURCE_DIR}/cmake/python_symbols.list)
else()
  message(STATUS "Python: no static library, the shared one")
  target_link_libraries(replwire_python INTERFACE Python3::Python)
  target_link_options(replwire_python INTERFACE -rdynamic)
endif()
