"""Modules that hold modules: in a chain, in a list, in a dict."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from minigrad.nn.module import Module

__all__ = ["ModuleDict", "ModuleList", "Sequential"]


def _module(value: Any, holder: str) -> Module:
    if not isinstance(value, Module):
        listed = isinstance(value, (list, tuple))
        raise TypeError(
            f"{holder} holds modules, got {type(value).__name__}: write "
            + (f"{holder}(*layers)" if listed else "nn.ReLU() rather than F.relu or nn.ReLU")
        )
    return value


class ModuleList(Module):
    """Modules in a list. They are named "0", "1", ... as in PyTorch, so that weights move between.

    A plain Python list of modules as an attribute is found just as well.

    >>> layers = nn.ModuleList([nn.Linear(4, 4), nn.Linear(4, 2)])
    >>> x = mg.ones((5, 4))
    >>> for layer in layers:
    ...     x = layer(x)
    >>> x.shape
    (5, 2)
    """

    def __init__(self, modules: Iterable[Module] = ()) -> None:
        self.extend(modules)

    def append(self, module: Module) -> ModuleList:
        """Add a module at the end; returns the list. Raises ``TypeError`` for anything else."""
        items = self._items()
        number = int(items[-1][0]) + 1 if items else 0  # not how many there are: one may have been deleted
        setattr(self, str(number), _module(module, type(self).__name__))
        return self

    def extend(self, modules: Iterable[Module]) -> ModuleList:
        """Add several modules at the end; returns the list."""
        if not isinstance(modules, Iterable):
            raise TypeError(f"ModuleList takes a list of modules, got {modules!r:.60}: write nn.ModuleList([one, two])")
        for module in [_module(module, type(self).__name__) for module in modules]:
            self.append(module)
        return self

    def _items(self) -> list[tuple[str, Module]]:
        """The numbered modules; a subclass may have others among its attributes."""
        return [(name, module) for name, module in self.named_children() if name.isdigit()]

    def __len__(self) -> int:
        return len(self._items())

    def __iter__(self) -> Iterator[Module]:
        return (value for name, value in vars(self).items() if name.isdigit() and isinstance(value, Module))

    def __getitem__(self, index: Any) -> Any:
        chosen = [module for _, module in self._items()][index]
        if isinstance(chosen, Module):
            return chosen
        return Sequential(*chosen) if isinstance(self, Sequential) else ModuleList(chosen)

    def __setitem__(self, index: int, module: Module) -> None:
        if isinstance(index, slice):
            raise TypeError(
                f"{type(self).__name__} takes one module at a time: m[0] = nn.ReLU(), or m.insert, or del m[0]"
            )
        setattr(self, self._items()[index][0], _module(module, type(self).__name__))

    def __delitem__(self, index: Any) -> None:
        modules = list(self)
        del modules[index]
        self._renumber(modules)

    def insert(self, index: int, module: Module) -> None:
        """Add a module before the one at ``index``; those behind it are numbered anew."""
        modules = list(self)
        modules.insert(index, _module(module, type(self).__name__))
        self._renumber(modules)

    def _renumber(self, modules: list[Module]) -> None:
        for name, _ in self._items():
            delattr(self, name)
        self.extend(modules)


class Sequential(ModuleList):
    """Modules one after the other: each takes the output of the one before.

    >>> nn.Sequential(nn.Linear(2, 64), nn.ReLU(), nn.Linear(64, 3))
    Sequential(
      (0): Linear(in_features=2, out_features=64)
      (1): ReLU()
      (2): Linear(in_features=64, out_features=3)
    )
    """

    def __init__(self, *modules: Module) -> None:
        super().__init__(modules)

    def forward(self, x: Any) -> Any:
        """The input of the first module -> the output of the last."""
        for name, module in vars(self).items():
            if name.isdigit():  # the numbered ones; ``for module in self`` costs as much as a small layer
                x = module(x)
        return x


class ModuleDict(Module):
    """Modules by key. A plain dict of modules as an attribute is found just as well.

    >>> heads = nn.ModuleDict({"age": nn.Linear(8, 1), "kind": nn.Linear(8, 3)})
    >>> heads["kind"](mg.ones((5, 8))).shape
    (5, 3)
    """

    def __init__(self, modules: Mapping[str, Module] | None = None) -> None:
        try:
            named = dict({} if modules is None else modules)
        except (TypeError, ValueError):
            raise TypeError(
                f'ModuleDict takes a dict of modules, got {modules!r:.60}: write nn.ModuleDict({{"name": module}})'
            ) from None
        for key, module in named.items():
            self[key] = module

    def __getitem__(self, key: str) -> Module:
        return dict(self.named_children())[key]

    def __setitem__(self, key: str, module: Module) -> None:
        if not isinstance(key, str) or "." in key or hasattr(type(self), key):
            raise KeyError(f"a key of ModuleDict is text without a dot, and no name of ModuleDict itself; got {key!r}")
        setattr(self, key, _module(module, type(self).__name__))

    def __delitem__(self, key: str) -> None:
        self[key]  # a KeyError for what is no module
        delattr(self, key)

    def __len__(self) -> int:
        return len(self.children())

    def __iter__(self) -> Iterator[str]:
        return iter(self.keys())

    def __contains__(self, key: str) -> bool:
        return key in self.keys()

    def keys(self) -> list[str]:
        """The keys, in the order of assignment."""
        return [name for name, _ in self.named_children()]

    def values(self) -> list[Module]:
        """The modules."""
        return self.children()

    def items(self) -> list[tuple[str, Module]]:
        """(key, module)."""
        return self.named_children()
