"""Calls that one loop can do, and the order that this needs."""

from hypothesis import given
from hypothesis import strategies as st

from minigrad.compiler.passes.grouping import Detours, Group


@given(st.randoms(use_true_random=False), st.integers(1, 40))
def test_a_detour_is_found_exactly_where_there_is_one(random, count):
    """Against a search through the whole graph, in which a group counts as one call."""
    needs = [set(random.sample(range(i), min(i, random.randint(0, 3)))) for i in range(count)]
    detours, groups, node_of = Detours(needs), [], []

    def waits_for(node, goal, seen):
        calls = [j for j, other in enumerate(node_of) if other is node]
        for other in {id(node_of[k]): node_of[k] for j in calls for k in needs[j]}.values():
            if other is not node and id(other) not in seen:
                seen.add(id(other))
                if other is goal or waits_for(other, goal, seen):
                    return True
        return False

    for i in range(count):
        chosen = None
        for group in random.sample(groups, min(len(groups), 3)):
            others = {id(node_of[j]): node_of[j] for j in needs[i] if node_of[j] is not group}.values()
            expected = any(waits_for(other, group, set()) for other in others)
            assert detours.lead(i, group) == expected
            if not expected and random.random() < 0.4:  # the others stand alone, and are what detours lead through
                chosen = group
                break
        if chosen is None and random.random() < 0.5:
            chosen = Group((i,))
            groups.append(chosen)
        node_of.append(object() if chosen is None else chosen)
        detours.add(i, chosen)
