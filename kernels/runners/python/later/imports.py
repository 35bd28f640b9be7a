# Modules that are fitted to a kernel without a terminal when they are loaded, and C's own buffers.

def watch_import(name, path, target):
    for finder in sys.meta_path:
        if isinstance(finder, Watcher):
            continue
        spec = finder.find_spec(name, path, target)
        if spec is None:
            continue
        loader = spec.loader
        if loader is not None and not isinstance(loader, type):
            load = loader.exec_module

            def exec_module(module):
                load(module)
                try:
                    imported(name, module)
                except Exception:
                    pass

            loader.exec_module = exec_module
        return spec
    return None


def imported(name, module):
    if name == 'getpass':
        module.getpass = user_getpass
    elif name == 'linecache':
        fit_linecache(module)
    elif name == 'matplotlib':
        if not os.environ.get('MPLBACKEND'):
            module.use('agg')
    elif name == 'matplotlib.pyplot':
        module.show = lambda *_, **__: show_figures()


_fflush = None


def c_flush():
    global _fflush
    import _ctypes
    if _fflush is None:
        _fflush = _ctypes.dlsym(_ctypes.dlopen(None, 2), 'fflush')
    _ctypes.call_function(_fflush, (None,))
