# The installed package: libram.a with everything of ours and libraft's objects in it, the public
# headers, the binary, and what find_package(ram) and pkg-config need to use them.
#
# The library is static: it carries an engine that is not position-independent, and a C++ interface
# of which we promise source compatibility only. What it needs of others is found with pkg-config.

if(NOT TARGET ram_api)
  return()
endif()
add_library(ram::ram ALIAS ram_api)

include(CMakePackageConfigHelpers)

# What api reaches, lowest first.
set(ram_package_archives "")
set(ram_package_files "")
set(ram_package_modules "")
foreach(layer IN ITEMS base store machine lease consensus net node runtime api)
  if(NOT TARGET ram_${layer})
    continue()
  endif()
  get_target_property(type ram_${layer} TYPE)
  if(type STREQUAL "STATIC_LIBRARY")
    list(APPEND ram_package_archives ram_${layer})
    list(APPEND ram_package_files "$<TARGET_FILE:ram_${layer}>")
  endif()
  get_property(third_party GLOBAL PROPERTY RAM_THIRD_PARTY_${layer})
  foreach(name IN LISTS third_party)
    if(DEFINED ram_pkg_config_module_${name})
      list(APPEND ram_package_modules ${ram_pkg_config_module_${name}})
    endif()
  endforeach()
endforeach()
list(REMOVE_DUPLICATES ram_package_modules)
list(JOIN ram_package_modules " " ram_package_requires)

set(ram_package_library "${PROJECT_BINARY_DIR}/package/libram.a")
add_custom_command(
  OUTPUT "${ram_package_library}"
  COMMAND "${CMAKE_COMMAND}" "-DAR=${CMAKE_AR}" "-DOUTPUT=${ram_package_library}"
          "-DARCHIVES=${ram_package_files};$<TARGET_FILE:ram::libraft>"
          -P "${PROJECT_SOURCE_DIR}/cmake/merge_archives.cmake"
  DEPENDS ${ram_package_archives} "${PROJECT_SOURCE_DIR}/cmake/merge_archives.cmake"
  COMMENT "Merging libram.a"
  VERBATIM)
add_custom_target(libram ALL DEPENDS "${ram_package_library}")

set(ram_package_cmake_dir "${CMAKE_INSTALL_LIBDIR}/cmake/ram")
configure_package_config_file(
  "${PROJECT_SOURCE_DIR}/cmake/ramConfig.cmake.in" "${PROJECT_BINARY_DIR}/package/ramConfig.cmake"
  INSTALL_DESTINATION "${ram_package_cmake_dir}"
  PATH_VARS CMAKE_INSTALL_INCLUDEDIR CMAKE_INSTALL_LIBDIR)
write_basic_package_version_file("${PROJECT_BINARY_DIR}/package/ramConfigVersion.cmake"
                                 COMPATIBILITY SameMinorVersion)
# Where the package lies is found out from where ram.pc lies: it may be moved.
file(RELATIVE_PATH ram_package_up "/prefix/${CMAKE_INSTALL_LIBDIR}/pkgconfig" "/prefix")
configure_file("${PROJECT_SOURCE_DIR}/cmake/ram.pc.in" "${PROJECT_BINARY_DIR}/package/ram.pc" @ONLY)

install(FILES "${ram_package_library}" DESTINATION "${CMAKE_INSTALL_LIBDIR}")
install(DIRECTORY "${PROJECT_SOURCE_DIR}/include/ram" DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}"
        FILES_MATCHING PATTERN "*.h")
install(FILES "${PROJECT_BINARY_DIR}/package/ramConfig.cmake"
              "${PROJECT_BINARY_DIR}/package/ramConfigVersion.cmake"
        DESTINATION "${ram_package_cmake_dir}")
install(FILES "${PROJECT_BINARY_DIR}/package/ram.pc"
        DESTINATION "${CMAKE_INSTALL_LIBDIR}/pkgconfig")
if(TARGET ram)
  install(TARGETS ram RUNTIME DESTINATION "${CMAKE_INSTALL_BINDIR}")
endif()
