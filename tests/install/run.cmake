# Installs the build in FF_BINARY_DIR into a fresh folder in it, then configures, builds and runs
# the project beside this file against that.
set(work "${FF_BINARY_DIR}/install-test")
file(REMOVE_RECURSE "${work}")

function(run)
  execute_process(COMMAND ${ARGV} COMMAND_ECHO STDOUT COMMAND_ERROR_IS_FATAL ANY)
endfunction()

run("${CMAKE_COMMAND}" --install "${FF_BINARY_DIR}" --prefix "${work}/prefix")
run("${CMAKE_COMMAND}" -S "${FF_SOURCE_DIR}" -B "${work}/build" -G "${FF_GENERATOR}"
  "-DCMAKE_CXX_COMPILER=${FF_COMPILER}"
  "-DCMAKE_CXX_COMPILER_LAUNCHER=${FF_LAUNCHER}"
  "-DCMAKE_PREFIX_PATH=${work}/prefix")
run("${CMAKE_COMMAND}" --build "${work}/build")
run("${work}/build/stranger")
