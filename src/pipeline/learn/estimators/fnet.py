"""The estimator `fnet`."""

from pipeline.learn.redshift.scalar_estimator import ScalarEstimator
from pipeline.models import fnet

_ESTIMATOR = ScalarEstimator("fnet", fnet.build)
begin, network, load = _ESTIMATOR.begin, _ESTIMATOR.network, _ESTIMATOR.load
