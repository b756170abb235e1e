# What is installed beside the program, and the Debian package.
install(FILES README.md docs/protocol.md docs/options.md LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR})

# The manual page is what --help says.
find_program(HELP2MAN help2man)
if(HELP2MAN AND NOT CMAKE_CXX_FLAGS MATCHES "-fsanitize")
  add_custom_command(TARGET replwire POST_BUILD
    COMMAND ${HELP2MAN} --no-info --name ${PROJECT_DESCRIPTION} --output replwire.1 $<TARGET_FILE:replwire>
    VERBATIM)
  install(FILES ${CMAKE_BINARY_DIR}/replwire.1 DESTINATION ${CMAKE_INSTALL_MANDIR}/man1)
else()
  message(STATUS "No help2man: no manual page")
endif()

# The program holds this very Python but needs its standard library, and becomes its interpreter;
# what else it links is found by dpkg-shlibdeps.
set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
set(CPACK_PACKAGE_CONTACT "The replwire maintainers <maintainers@replwire.invalid>")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY ${PROJECT_DESCRIPTION})
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SECTION python)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_DEPENDS "python${Python3_VERSION_MAJOR}.${Python3_VERSION_MINOR}")
include(CPack)
