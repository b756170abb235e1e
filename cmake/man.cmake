# The manual pages say what --help says, and what it does not.
if(NOT CMAKE_CXX_FLAGS MATCHES "-fsanitize")
  set(man_page ${CMAKE_COMMAND} -E env PYTHONPATH=${CMAKE_SOURCE_DIR}/clients/python/src PYTHONDONTWRITEBYTECODE=1
      $<TARGET_FILE:Python3::Interpreter> ${CMAKE_SOURCE_DIR}/cmake/man_page.py)
  add_custom_command(OUTPUT replwire.1 DEPENDS replwire ${CMAKE_SOURCE_DIR}/cmake/man_page.py
                     COMMAND ${man_page} replwire.1 ${CMAKE_CROSSCOMPILING_EMULATOR} $<TARGET_FILE:replwire> VERBATIM)
  set(man_pages ${CMAKE_BINARY_DIR}/replwire.1)
  foreach(command cli transcript mcp jupyter)
    file(GLOB sources CONFIGURE_DEPENDS clients/python/src/replwire/${command}/*.py)
    add_custom_command(
      OUTPUT replwire-${command}.1 DEPENDS ${sources} ${CMAKE_SOURCE_DIR}/cmake/man_page.py
      COMMAND ${man_page} replwire-${command}.1 $<TARGET_FILE:Python3::Interpreter> -m replwire.${command} VERBATIM)
    list(APPEND client_man_pages ${CMAKE_BINARY_DIR}/replwire-${command}.1)
  endforeach()
  add_custom_target(man_pages ALL DEPENDS ${man_pages} ${client_man_pages})
endif()
