import subprocess
import sys

_CODE = """
import sys
import client.sdk.keystore
assert "py_ecc.optimized_bls12_381" not in sys.modules
from eth_keyfile import keyfile
assert keyfile.bls.SkToPk(5).hex().startswith("b0e7791f")
from py_ecc.bls12_381 import G1, curve_order
assert keyfile.MAX_V4_PRIVATE_KEY == curve_order - 1 and len(G1) == 2
import py_ecc.bls.hash_to_curve
"""


def test_pairings_are_loaded_by_their_first_use_and_not_before() -> None:
    done = subprocess.run([sys.executable, "-c", _CODE], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
