{
  # The release build: node-gyp, prebuildify, and `npm install` if no prebuilt binary fits.
  # CMakeLists.txt is the development build; both read native/sources.json.
  #
  # No -Werror here: a new warning of a newer compiler must not break an installation.
  'target_defaults': {
    'defines': ['_GNU_SOURCE'],
    'include_dirs': ['native', 'native/include'],
    'cflags': ['-Wall', '-Wextra', '-Wundef', '-fvisibility=hidden', '-fPIC', '-pthread'],
    'cflags_c': ['-std=c11'],
  },
  'targets': [
    {
      'target_name': 'liteipc_core',
      'type': 'static_library',
      'sources': ['<!@(node -p "require(\'./native/sources.json\').core.join(\' \')")'],
    },
    {
      'target_name': 'liteipc',
      'dependencies': ['liteipc_core'],
      'sources': ['<!@(node -p "require(\'./native/sources.json\').addon.join(\' \')")'],
      # The same as in CMakeLists.txt; node-gyp sets -std.
      'defines': [
        'NAPI_VERSION=8',
        'NAPI_CPP_EXCEPTIONS',
        'NODE_API_SWALLOW_UNTHROWABLE_EXCEPTIONS',
      ],
      'cflags_cc': ['-fexceptions'],
      'cflags_cc!': ['-fno-exceptions', '-fno-rtti'],
      'include_dirs': ['<!(node -p "require(\'node-addon-api\').include_dir")'],
      # Node unloads an addon that only a worker had loaded, although its threads and thread keys exist.
      'ldflags': ['-Wl,-z,nodelete', '-pthread'],
    },
    {
      'target_name': 'liteipc_conformance',
      'type': 'static_library',
      'sources': ['<!@(node -p "require(\'./native/sources.json\').conformance.join(\' \')")'],
    },
    {
      # The programs that run scenarios, next to the addon: with the core, and with a device.
      'target_name': 'liteipc-conformance',
      'type': 'executable',
      'dependencies': ['liteipc_conformance', 'liteipc_core'],
      'sources': ['<!@(node -p "require(\'./native/sources.json\').conformanceEmbedded.join(\' \')")'],
      'ldflags': ['-pthread'],
    },
    {
      'target_name': 'liteipc-conformance-device',
      'type': 'executable',
      'dependencies': ['liteipc_conformance'],
      'sources': ['<!@(node -p "require(\'./native/sources.json\').conformanceDevice.join(\' \')")'],
      'ldflags': ['-pthread'],
    },
    {
      # The device shim, next to the addon. CMakeLists.txt explains the wrapped calls of the core.
      'target_name': 'liteipc_preload',
      'type': 'loadable_module',
      # node-gyp gives every loadable module the extension .node; this overrides it.
      'target_conditions': [['_type=="loadable_module"', {'product_extension': 'so'}]],
      'dependencies': ['liteipc_core'],
      'sources': ['<!@(node -p "require(\'./native/sources.json\').preload.join(\' \')")'],
      'cflags': ['-ftls-model=initial-exec'],
      'ldflags': [
        '-Wl,-z,now',
        # gyp links with the C++ compiler; a preloaded library should depend only on libc.
        '-static-libgcc',
        '-pthread',
        '<!@(node -p "require(\'./native/sources.json\').preloadWraps.map((name) => \'-Wl,--wrap=\' + name).join(\' \')")',
      ],
    },
  ],
}
