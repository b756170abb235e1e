# What is installed beside the program, and the Debian package.
install(FILES README.md docs/protocol.md docs/options.md LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR})

install(FILES ${man_pages} DESTINATION ${CMAKE_INSTALL_MANDIR}/man1)

# The client and its commands, for the Debian package python3-replwire alone: elsewhere pip installs them.
set(python_folder lib/python3/dist-packages)
set(info ${CMAKE_BINARY_DIR}/dist-info/replwire-${PROJECT_VERSION}.dist-info)
file(WRITE ${info}/METADATA "Metadata-Version: 2.1\nName: replwire\nVersion: ${PROJECT_VERSION}\n")
file(WRITE ${info}/entry_points.txt "[pytest11]\nreplwire = replwire.pytest_plugin\n")
foreach(command cli transcript mcp jupyter)
  file(WRITE ${CMAKE_BINARY_DIR}/commands/replwire-${command}
       "#!/usr/bin/python3\nimport sys\nfrom replwire.${command}.__main__ import main\nsys.exit(main())\n")
  install(PROGRAMS ${CMAKE_BINARY_DIR}/commands/replwire-${command} DESTINATION ${CMAKE_INSTALL_BINDIR}
          COMPONENT python3 EXCLUDE_FROM_ALL)
endforeach()
install(DIRECTORY clients/python/src/replwire ${info} DESTINATION ${python_folder}
        COMPONENT python3 EXCLUDE_FROM_ALL PATTERN __pycache__ EXCLUDE)
install(FILES ${client_man_pages} DESTINATION ${CMAKE_INSTALL_MANDIR}/man1 COMPONENT python3 EXCLUDE_FROM_ALL)
install(FILES LICENSE DESTINATION share/doc/python3-replwire COMPONENT python3 EXCLUDE_FROM_ALL)

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
set(CPACK_COMPONENTS_ALL Unspecified python3)
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_DEBIAN_UNSPECIFIED_PACKAGE_NAME replwire)
set(CPACK_DEBIAN_PYTHON3_PACKAGE_NAME python3-replwire)
set(CPACK_DEBIAN_PYTHON3_PACKAGE_ARCHITECTURE all)
set(CPACK_DEBIAN_PYTHON3_PACKAGE_SHLIBDEPS OFF)
set(CPACK_DEBIAN_PYTHON3_PACKAGE_DEPENDS "replwire (= ${PROJECT_VERSION}), python3 (>= 3.10)")
set(CPACK_DEBIAN_PYTHON3_PACKAGE_RECOMMENDS "python3-prompt-toolkit, python3-pygments, python3-zmq, python3-jupyter-client")
set(CPACK_DEBIAN_PYTHON3_DESCRIPTION "Python client and command line of replwire")
set(CPACK_COMPONENT_PYTHON3_DESCRIPTION "Python client and command line of replwire")
include(CPack)
